#include "netmem/providers/gpu/cuda/cuda.h"

#include <mutex>
#include <utility>

#include "netmem/providers/common/page_size.h"
#include "netmem/providers/gpu/cuda/api.h"
#include "netmem/providers/gpu/shared_devices.h"

namespace netmem {
namespace {

// By their numbers. Never destroyed: the program may keep a device until its static objects go.
SharedDevices<int>& open_devices() {
  static std::mutex lock;
  static auto* const devices = new SharedDevices<int>(lock);
  return *devices;
}

}  // namespace

Result<std::vector<std::string>> cuda_devices() {
  const auto library = cuda::library();
  if (!library) return std::unexpected(library.error());
  return CudaApi::devices(**library);
}

Result<std::shared_ptr<DeviceApi>> open_cuda(int device) {
  const auto library = cuda::library();
  if (!library) return std::unexpected(library.error());
  return open_devices().open(device, [&] { return CudaApi::open(**library, device); });
}

Result<std::shared_ptr<GpuProvider>> make_cuda_provider(CudaOptions options) {
  if (auto shift = page_shift_of(options.page_size, options.size, "cuda"); !shift)
    return std::unexpected(shift.error());
  auto device = open_cuda(options.device);
  if (!device) return std::unexpected(device.error());
  return make_gpu_provider(
      std::move(*device),
      {.size = options.size, .page_size = options.page_size, .dma = std::move(options.dma), .handle = options.handle});
}

}  // namespace netmem
