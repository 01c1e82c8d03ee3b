// Which processors the loops may use. Any thread.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <vector>

namespace netmem::bench {

// Those that the program was allowed when it began.
inline const std::vector<int>& processors() {
  static const std::vector<int> all = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    std::vector<int> found;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
    return found;
  }();
  return all;
}

// Pins the calling thread: 0 is the consumer's processor, 1 and on are for the others, around again when there are not
// enough. A thread that moves between processors in the middle of a loop measures the move.
inline void pin(unsigned which) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processors()[which % processors().size()], &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

}  // namespace netmem::bench
