// Stands for the device providers in the build of bench/regression-experiment that has host memory only.

#include "netmem/providers/device.h"

namespace netmem {
namespace {

Result<std::shared_ptr<DeviceProvider>> none() {
  return refused("make device memory", "this build has host memory only (NETMEM_EXPERIMENT=host_only)",
                 "build without NETMEM_EXPERIMENT");
}

}  // namespace

Result<std::shared_ptr<DeviceProvider>> make_memfd_provider(DeviceOptions) { return none(); }
Result<std::shared_ptr<DeviceProvider>> make_udmabuf_provider(DeviceOptions) { return none(); }
Result<std::shared_ptr<DeviceProvider>> make_dmabuf_provider(Fd, DeviceOptions) { return none(); }

}  // namespace netmem
