// Provider `huge_split`: 2 MiB pages taken when they are needed and cut in order. A page that comes back is not granted
// again: when all pages of a block are back, the block returns to the system. With no huge page to be had it takes
// smaller blocks of anonymous memory, and tries huge ones again after an interval. After Linux RFC "page_pool: huge
// page memory providers", August 2023.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "netmem/core/dma_device.h"
#include "netmem/core/memory_provider.h"

namespace netmem {

struct HugeSplitOptions {
  std::size_t size = 0;                 // bytes that may be taken at a time, at least one page
  std::size_t page_size = 4096;         // power of two, 4 KiB to 1 GiB
  std::size_t small_block = 64 * 1024;  // bytes of a block when there is no huge page; at least one page is taken
  std::chrono::nanoseconds retry_interval = std::chrono::seconds(1);  // from a missed huge page to the next try
  std::function<std::chrono::steady_clock::time_point()> clock = {};  // empty: steady_clock; tests bring their own
  std::shared_ptr<DmaDevice> dma = {};                                // every block is registered on its own
};

// Counters: pages granted and reclaimed; 2 MiB and small blocks taken, and blocks given back; huge_missed: tries that
// found no huge page; block_failed: blocks that could not be had or registered, so that a grant came back short.
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_huge_split_provider(HugeSplitOptions options);

}  // namespace netmem
