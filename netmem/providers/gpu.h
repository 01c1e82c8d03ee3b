// Provider of memory of a GPU, or of any other device behind DeviceApi: net_iovs cut from one allocation. The CPU
// cannot read them, the kernel cannot write them (no io window): bytes come and go through the copy engine.
//
// There is no fallback to host memory, ever.
// Threads: as MemoryProvider.
#pragma once

#include <cstddef>
#include <memory>

#include "netmem/core/dma_device.h"
#include "netmem/core/memory_provider.h"
#include "netmem/providers/device_api.h"

namespace netmem {

struct GpuOptions {
  std::size_t size = 0;          // bytes, at least one page
  std::size_t page_size = 4096;  // power of two, 4 KiB to 2 MiB
  std::shared_ptr<DmaDevice> dma = {};
};

// Several providers may share a device. REQUIRES: not null.
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_gpu_provider(std::shared_ptr<DeviceApi> device,
                                                                        GpuOptions options);

}  // namespace netmem
