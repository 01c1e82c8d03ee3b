// A lock for a few instructions at a time: one atomic operation to take it, a plain store to give it back, where a
// std::mutex takes two atomic operations. Whoever waits long gives its processor away, and in the end sleeps, so that a
// holder that was preempted gets to run, under realtime policies, too.
//
// Any thread; std::scoped_lock works with it. Never hold it across a call that may block.
#pragma once

#include "netmem/base/atomic.h"
#include "netmem/base/backoff.h"

namespace netmem {

class SpinLock {
 public:
  void lock() noexcept {
    if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      wait();
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  [[gnu::noinline, gnu::cold]] void wait() noexcept {
    Backoff backoff;
    do {
      while (locked_.load(std::memory_order_relaxed)) backoff.pause();
    } while (locked_.exchange(true, std::memory_order_acquire));
  }

  Atomic<bool> locked_{false};
};

}  // namespace netmem
