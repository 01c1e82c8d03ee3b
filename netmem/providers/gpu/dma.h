// Host memory that a GPU reaches without a detour: each region is registered with its driver once (cuMemHostRegister),
// as with any other DMA device, so that copies to and from it do not go through a buffer of the driver's.
//
//   auto staging = make_host_provider({.size = 4 * MiB, .dma = gpu_memory->staging_dma()});
//
// A driver that refuses makes the provider of that memory fail with the reason. The caller may go without: slower, not
// wrong.
// Threads: as DmaDevice.
#pragma once

#include <memory>

#include "netmem/core/dma_device.h"
#include "netmem/providers/gpu/device_api.h"

namespace netmem {

// A page's DMA address is its address: the copies of DeviceApi name host memory by that. REQUIRES: not null.
NETMEM_EXPORT std::shared_ptr<DmaDevice> make_gpu_dma_device(std::shared_ptr<DeviceApi> device);

}  // namespace netmem
