#include "netmem/providers/gpu/gpu.h"

#include <optional>
#include <utility>

#include "netmem/base/units.h"
#include "netmem/providers/common/page_size.h"
#include "netmem/providers/common/region_provider.h"
#include "netmem/providers/gpu/copy_engine.h"
#include "netmem/providers/gpu/dma.h"

namespace netmem {
namespace {

constexpr std::size_t kSmallestPage = std::size_t{1} << kSmallestPageShift;

// Memory of a device, freed or forgotten at the end.
class DeviceMemory {
 public:
  DeviceMemory(std::shared_ptr<DeviceApi> device, DeviceAddress address)
      : device_(std::move(device)), address_(address) {}
  ~DeviceMemory() { device_->free(address_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  [[nodiscard]] const std::shared_ptr<DeviceApi>& device() const { return device_; }
  [[nodiscard]] DeviceAddress address() const { return address_; }

 private:
  std::shared_ptr<DeviceApi> device_;
  DeviceAddress address_;
};

class Provider final : public GpuProvider {
 public:
  Provider(std::shared_ptr<DeviceApi> device, DeviceAddress address) : memory_(std::move(device), address) {}
  ~Provider() override { destroy_region(); }

  Result<void> make_region(std::size_t size, unsigned page_shift, std::shared_ptr<DmaDevice> dma) {
    const RegionSpec spec{.name = name() + ":" + format_size(size),
                          .device = true,
                          .address = memory_.address(),
                          .size = size,
                          .page_shift = page_shift};
    if (auto done = cut(spec, std::move(dma)); !done) return done;
    engine_.emplace(region(), *memory_.device());
    return {};
  }

  [[nodiscard]] std::string name() const override { return memory_.device()->name(); }
  [[nodiscard]] std::string describe() const override {
    return name() + ": " + format_size(region().size()) + " of device memory in pages of " + format_size(page_size()) +
           ", on " + memory_.device()->describe();
  }
  [[nodiscard]] CopyEngine& copy_engine() override { return *engine_; }
  [[nodiscard]] const std::shared_ptr<DeviceApi>& device() const override { return memory_.device(); }
  [[nodiscard]] Result<Fd> export_dmabuf() const override {
    return memory_.device()->export_dmabuf(memory_.address(), std::size_t{region().page_count()} * page_size());
  }
  [[nodiscard]] std::shared_ptr<DmaDevice> staging_dma() override { return make_gpu_dma_device(memory_.device()); }

 private:
  DeviceMemory memory_;
  std::optional<GpuCopyEngine> engine_;
};

Result<DeviceAddress> take_memory(DeviceApi& device, const GpuOptions& options) {
  if (options.handle == 0) return device.allocate(options.size, page_alignment(options.page_size));
  const auto adopted = device.adopt(options.handle, options.size);
  if (!adopted || *adopted % kSmallestPage == 0) return adopted;
  device.free(*adopted);
  return refused("make a " + device.name() + " provider of the program's memory",
                 "it does not begin at a multiple of 4 KiB", "begin at the next one, and give so much less");
}

}  // namespace

Result<std::shared_ptr<GpuProvider>> make_gpu_provider(std::shared_ptr<DeviceApi> device, GpuOptions options) {
  const auto shift = page_shift_of(options.page_size, options.size, device->name());
  if (!shift) return std::unexpected(shift.error());
  const auto address = take_memory(*device, options);
  if (!address) return std::unexpected(address.error());
  auto provider = std::make_shared<Provider>(std::move(device), *address);
  if (auto made = provider->make_region(options.size, *shift, std::move(options.dma)); !made)
    return std::unexpected(made.error());
  return provider;
}

}  // namespace netmem
