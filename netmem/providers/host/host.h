// Provider `host`: pages of 4 KiB to 1 GiB from one anonymous mapping. The kernel backs it as it is touched.
#pragma once

#include <memory>

#include "netmem/core/dma_device.h"
#include "netmem/core/memory_provider.h"

namespace netmem {

struct HostOptions {
  std::size_t size = 0;          // bytes, at least one page
  std::size_t page_size = 4096;  // power of two, 4 KiB to 1 GiB
  int numa_node = -1;            // prefer this node; -1: the kernel's choice
  bool populate = false;         // back it all now instead of at first touch
  std::shared_ptr<DmaDevice> dma = {};
};

NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_host_provider(HostOptions options);

}  // namespace netmem
