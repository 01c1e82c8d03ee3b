// Provider `cuda`: memory of an NVIDIA GPU, through the CUDA driver, which is loaded when it is asked for; nobody needs
// it to build or to install netmem. GPUs are numbered as the driver lists them, from 0 (CUDA_VISIBLE_DEVICES has its
// say).
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "netmem/providers/gpu/gpu.h"

namespace netmem {

struct CudaOptions {
  int device = 0;
  std::size_t size = 0;          // bytes, at least one page
  std::size_t page_size = 4096;  // power of two, 4 KiB to 1 GiB
  std::shared_ptr<DmaDevice> dma = {};
  std::uintptr_t handle = 0;  // as GpuOptions': a device pointer (CUdeviceptr) of the program's; 0: allocated
};

// The names of the GPUs, in their order.
NETMEM_EXPORT Result<std::vector<std::string>> cuda_devices();
// The same object for all who have the GPU open. The error for a GPU that does not exist lists those that do.
NETMEM_EXPORT Result<std::shared_ptr<DeviceApi>> open_cuda(int device = 0);
NETMEM_EXPORT Result<std::shared_ptr<GpuProvider>> make_cuda_provider(CudaOptions options);

}  // namespace netmem
