// How a thread waits for another one that needs only a few instructions more: first it pauses the processor, then it
// gives the processor away, and in the end it sleeps. Without the sleep, a thread with a real-time policy would keep
// the processor from the very thread it waits for.
#pragma once

#include <chrono>
#include <thread>

#include "netmem/base/atomic.h"

namespace netmem {

// Lets the processor's other thread, and its memory traffic, go first for a moment.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

#ifndef NETMEM_ATOMIC_HEADER  // otherwise that header has it
// One wait: call pause() again and again until what is waited for is there.
class Backoff {
 public:
  void pause() noexcept {
    ++tries_;
    if (tries_ < 100) {
      relax();
    } else if (tries_ < 1000) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

 private:
  int tries_ = 0;
};
#endif

}  // namespace netmem
