// Stands for the device providers in the build of bench/regression-experiment that has host memory only.

#include "netmem/providers/gpu/cuda/cuda.h"
#include "netmem/providers/gpu/opencl/opencl.h"
#include "netmem/providers/mapped/device.h"

namespace netmem {
namespace {

std::unexpected<Error> none() {
  return refused("make device memory", "this build has host memory only (NETMEM_EXPERIMENT=host_only)",
                 "build without NETMEM_EXPERIMENT");
}

}  // namespace

Result<std::shared_ptr<DeviceProvider>> make_memfd_provider(DeviceOptions) { return none(); }
Result<std::shared_ptr<DeviceProvider>> make_udmabuf_provider(DeviceOptions) { return none(); }
Result<std::shared_ptr<DeviceProvider>> make_dmabuf_provider(Fd, DeviceOptions) { return none(); }
Result<std::shared_ptr<GpuProvider>> make_opencl_provider(OpenClOptions) { return none(); }
Result<std::shared_ptr<GpuProvider>> make_cuda_provider(CudaOptions) { return none(); }

}  // namespace netmem
