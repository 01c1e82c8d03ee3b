// DPDK's environment, started once for the process by the first loop that needs it and ended with the process.
// Threads: start_eal() and Lcore from any; see loop.h for who makes loops.
#pragma once

#include "netmem/base/error.h"

namespace netmem::bench {

// Starts it unless it runs already, without huge pages, devices, files shared with other processes, or threads for
// work. The calling thread becomes an lcore: DPDK's caches are there for those alone. Its affinity stays.
Result<void> start_eal();

// Makes the calling thread an lcore, for as long as this lives.
class Lcore {
 public:
  Lcore();
  Lcore(const Lcore&) = delete;
  Lcore& operator=(const Lcore&) = delete;
  ~Lcore();
};

}  // namespace netmem::bench
