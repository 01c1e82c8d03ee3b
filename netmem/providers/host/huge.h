// Provider `huge`: 2 MiB pages taken in advance and registered with the DMA device as they are. They are cut and reused
// in order: a huge page is cut again once all its pages are back. When none of the next few is free, pages come from
// outside: host memory with 4 KiB behind it, transient, which goes back to the system instead of being recycled. After
// Linux RFC "page_pool: huge page memory providers", August 2023.
#pragma once

#include <memory>
#include <optional>

#include "netmem/core/dma_device.h"
#include "netmem/core/memory_provider.h"

namespace netmem {

struct HugeOptions {
  std::size_t size = 0;          // bytes; size / 2 MiB huge pages are taken, at least one
  std::size_t page_size = 4096;  // power of two, 4 KiB to 1 GiB; also of the pages from outside
  // Bytes that may be taken from outside at a time; empty: as many as inside; 0: never.
  std::optional<std::size_t> outside_size = {};
  std::shared_ptr<DmaDevice> dma = {};  // blocks from outside are registered one by one
};

// Counters: inside_granted, inside_reclaimed, inside_busy (a huge page that was looked at and had pages out),
// outside_granted, outside_reclaimed, outside_failed (a block could not be had or registered).
// The error for missing huge pages names the file and the number to write there.
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_huge_provider(HugeOptions options);

}  // namespace netmem
