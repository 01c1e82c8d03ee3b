// Providers of device memory: net_iovs cut from `memfd` (anonymous memory that stands for a device), `udmabuf` (the
// same memory as a real dma-buf) or any dma-buf.
//
//   region address: PROT_NONE, a stray touch faults     copy engine, io_window: the one readable and writable mapping
//
// There is no fallback to host memory, ever.
// Threads: as MemoryProvider.
#pragma once

#include <cstddef>
#include <memory>

#include "netmem/base/fd.h"
#include "netmem/core/dma_device.h"
#include "netmem/providers/common/region_provider.h"

namespace netmem {

struct DeviceOptions {
  std::size_t size = 0;          // bytes, at least one page; 0 for a dma-buf: all of it
  std::size_t page_size = 4096;  // power of two, 4 KiB to 1 GiB
  // memfd only, for debugging: the CPU may read, never write, at the pages' device addresses.
  bool readable_view = false;
  std::shared_ptr<DmaDevice> dma = {};
  // Options of host memory, here so that programs which pass them on get an error instead of silence. Refused by name.
  int numa_node = -1;
  bool populate = false;
};

class NETMEM_EXPORT DeviceProvider : public RegionProvider {
 public:
  // The region as a dma-buf, for other devices to import; -1: it is none. Stays the provider's.
  [[nodiscard]] virtual int dmabuf_fd() const = 0;
};

NETMEM_EXPORT Result<std::shared_ptr<DeviceProvider>> make_memfd_provider(DeviceOptions options);
// The size is rounded up to whole 4 KiB. Needs /dev/udmabuf (CONFIG_UDMABUF).
NETMEM_EXPORT Result<std::shared_ptr<DeviceProvider>> make_udmabuf_provider(DeviceOptions options);
// Keeps `dmabuf`. When the exporter refuses CPU mappings, the copy engine and io_window refuse, too; the pages are good
// for devices all the same.
NETMEM_EXPORT Result<std::shared_ptr<DeviceProvider>> make_dmabuf_provider(Fd dmabuf, DeviceOptions options = {});

}  // namespace netmem
