// A lock for a few instructions at a time: one atomic operation to take it, a plain store to give it back, where a
// std::mutex takes two atomic operations. Whoever waits long gives its processor away, and in the end sleeps, so that a
// holder that was preempted gets to run, under realtime policies, too.
//
// Any thread; std::scoped_lock works with it. Never hold it across a call that may block.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace netmem {

// Lets the processor's other thread, and its memory traffic, go first for a moment.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

class SpinLock {
 public:
  void lock() noexcept {
    if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      wait();
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  [[gnu::noinline, gnu::cold]] void wait() noexcept {
    int tries = 0;
    do {
      while (locked_.load(std::memory_order_relaxed)) pause(++tries);
    } while (locked_.exchange(true, std::memory_order_acquire));
  }
  static void pause(int tries) noexcept {
    if (tries < 100) {
      relax();
    } else if (tries < 1000) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  std::atomic<bool> locked_{false};
};

}  // namespace netmem
