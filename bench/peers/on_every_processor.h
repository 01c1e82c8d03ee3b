#pragma once

#include <pthread.h>
#include <sched.h>

#include "bench/loops/processors.h"

namespace netmem::bench {

// Lets the calling thread run everywhere until the end of the scope: whatever a library or a module learns about
// processors while it starts, it learns of all of them. Afterwards the thread is where it was, though the library moved
// it.
class OnEveryProcessor {
 public:
  OnEveryProcessor() {
    ::pthread_getaffinity_np(::pthread_self(), sizeof before_, &before_);
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const int cpu : processors()) CPU_SET(cpu, &all);
    ::pthread_setaffinity_np(::pthread_self(), sizeof all, &all);
  }
  OnEveryProcessor(const OnEveryProcessor&) = delete;
  OnEveryProcessor& operator=(const OnEveryProcessor&) = delete;
  ~OnEveryProcessor() { ::pthread_setaffinity_np(::pthread_self(), sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

}  // namespace netmem::bench
