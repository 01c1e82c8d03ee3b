// What moves bytes without the CPU: a NIC, a UMEM, io_uring's buffer table. A region is registered with it once; its
// pages carry the address that the device gave.
//
// Threads: map and unmap as the provider's creation and destruction; the syncs on any thread, and they do not block.
#pragma once

#include <cstddef>
#include <cstdint>

#include "netmem/base/error.h"
#include "netmem/base/export.h"

namespace netmem {

class Region;

class NETMEM_EXPORT DmaDevice {
 public:
  virtual ~DmaDevice() = default;

  // The device's address of the region's first byte; the region is contiguous there too.
  virtual Result<std::uint64_t> map(const Region& region) = 0;
  virtual void unmap(const Region& region, std::uint64_t dma_address) noexcept = 0;

  // Before the device writes the range, and before the CPU reads it. Bytes from the region's DMA address.
  // Linux dma_sync_single_range_for_device / _for_cpu, Documentation/core-api/dma-api.rst.
  virtual void sync_for_device(std::uint64_t dma_address, std::size_t size) noexcept = 0;
  virtual void sync_for_cpu(std::uint64_t dma_address, std::size_t size) noexcept = 0;
};

}  // namespace netmem
