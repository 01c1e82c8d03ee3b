// The regions of a provider at a quiet moment: nobody allocates from it or gives pages back meanwhile.
#pragma once

#include <vector>

#include "netmem/core/memory_provider.h"

namespace netmem {

inline std::vector<const Region*> regions_of(const MemoryProvider& provider) {
  std::vector<const Region*> regions;
  provider.visit_regions([&](const Region& region) { regions.push_back(&region); });
  return regions;
}

}  // namespace netmem
