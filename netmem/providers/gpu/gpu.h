// Provider of memory of a GPU, or of any other device behind DeviceApi: net_iovs cut from one allocation. The CPU
// cannot read them, the kernel cannot write them (no io window): bytes come and go through the copy engine.
//
// The allocation is the provider's own, or memory that the program has already (GpuOptions::handle). There is no
// fallback to host memory, ever. Threads: as MemoryProvider.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "netmem/core/dma_device.h"
#include "netmem/providers/common/region_provider.h"
#include "netmem/providers/gpu/device_api.h"

namespace netmem {

struct GpuOptions {
  std::size_t size = 0;          // bytes, at least one page
  std::size_t page_size = 4096;  // power of two, 4 KiB to 1 GiB
  std::shared_ptr<DmaDevice> dma = {};
  // 0: memory is allocated. Or the program's own, `size` bytes of it, as DeviceApi::adopt has it: CUDA's device
  // pointer, at a multiple of 4 KiB, or OpenCL's cl_mem. Not freed; the program keeps it until the provider is gone,
  // and does not touch what pages are granted of.
  std::uintptr_t handle = 0;
};

class NETMEM_EXPORT GpuProvider : public RegionProvider {
 public:
  [[nodiscard]] virtual const std::shared_ptr<DeviceApi>& device() const = 0;
  // All pages as a dma-buf, for a NIC or another device to import, or why there is none. The caller's; the memory stays
  // while a descriptor is open.
  [[nodiscard]] virtual Result<Fd> export_dmabuf() const = 0;
};

// Several providers may share a device. REQUIRES: not null.
NETMEM_EXPORT Result<std::shared_ptr<GpuProvider>> make_gpu_provider(std::shared_ptr<DeviceApi> device,
                                                                     GpuOptions options);

}  // namespace netmem
