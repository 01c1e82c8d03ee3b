#include "netmem/providers/gpu/dma.h"

#include <span>
#include <utility>

#include "netmem/core/region.h"

namespace netmem {
namespace {

std::span<std::byte> memory_of(const Region& region) {
  return {reinterpret_cast<std::byte*>(region.address()), region.size()};
}

class GpuDmaDevice final : public DmaDevice {
 public:
  explicit GpuDmaDevice(std::shared_ptr<DeviceApi> device) : device_(std::move(device)) {}

  Result<std::uint64_t> map(const Region& region) override {
    if (region.is_device())
      return refused("register " + region.name() + " with " + device_->describe(), "it is no host memory",
                     "register the host memory that is copied to and from it");
    if (auto registered = device_->register_host(memory_of(region)); !registered)
      return std::unexpected(registered.error());
    return region.address();
  }
  void unmap(const Region& region, std::uint64_t /*dma_address*/) noexcept override {
    device_->unregister_host(memory_of(region));
  }

  // The driver's copies are coherent.
  void sync_for_device(std::uint64_t /*dma_address*/, std::size_t /*size*/) noexcept override {}
  void sync_for_cpu(std::uint64_t /*dma_address*/, std::size_t /*size*/) noexcept override {}

 private:
  std::shared_ptr<DeviceApi> device_;
};

}  // namespace

std::shared_ptr<DmaDevice> make_gpu_dma_device(std::shared_ptr<DeviceApi> device) {
  return std::make_shared<GpuDmaDevice>(std::move(device));
}

}  // namespace netmem
