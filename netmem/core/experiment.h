// What the builds of bench/regression-experiment change in the library, and nothing else does (NETMEM_EXPERIMENT in
// cmake/experiment.cmake). In every other build there is nothing here. The other half of it, host memory only, is
// Netmem::kDeviceBit.
#pragma once

#include "netmem/core/netmem.h"

#ifdef NETMEM_EXPERIMENT_PLANTED_REGRESSION
#include "netmem/core/region.h"
#endif

namespace netmem::experiment {

// Each page that leaves the cache or comes home. The planted regression: what asking a page for its kind costs when the
// handle does not say it, a load that waits for another, and a branch.
inline void look_at_kind([[maybe_unused]] Netmem page) {
#ifdef NETMEM_EXPERIMENT_PLANTED_REGRESSION
  if (page.region().is_device()) asm volatile("");  // volatile: the branch must stay
#endif
}

}  // namespace netmem::experiment
