#include "netmem/providers/gpu.h"

#include <optional>
#include <utility>

#include "netmem/base/units.h"
#include "netmem/providers/free_list.h"
#include "netmem/providers/gpu_copy_engine.h"
#include "netmem/providers/page_size.h"

namespace netmem {
namespace {

// Memory of a device, freed at the end.
class DeviceMemory {
 public:
  DeviceMemory(std::shared_ptr<DeviceApi> device, DeviceAddress address)
      : device_(std::move(device)), address_(address) {}
  ~DeviceMemory() { device_->free(address_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  [[nodiscard]] DeviceApi& device() const { return *device_; }
  [[nodiscard]] DeviceAddress address() const { return address_; }

 private:
  std::shared_ptr<DeviceApi> device_;
  DeviceAddress address_;
};

class GpuProvider final : public MemoryProvider {
 public:
  GpuProvider(std::shared_ptr<DeviceApi> device, DeviceAddress address) : memory_(std::move(device), address) {}

  Result<void> cut(std::size_t size, unsigned page_shift, std::shared_ptr<DmaDevice> dma) {
    auto region = Region::create(*this,
                                 {.name = name() + ":" + format_size(size),
                                  .device = true,
                                  .address = memory_.address(),
                                  .size = size,
                                  .page_shift = page_shift},
                                 std::move(dma));
    if (!region) return std::unexpected(region.error());
    region_ = std::move(*region);
    free_.emplace(*region_);
    engine_.emplace(*region_, memory_.device());
    return {};
  }

  std::size_t grant(std::span<Netmem> out) noexcept override { return free_->grant(out); }
  void reclaim(std::span<const Netmem> pages) noexcept override { free_->reclaim(pages); }
  [[nodiscard]] std::string name() const override { return memory_.device().name(); }
  [[nodiscard]] std::string describe() const override {
    return name() + ": " + format_size(region_->size()) + " of device memory in pages of " + format_size(page_size()) +
           ", on " + memory_.device().describe();
  }
  [[nodiscard]] unsigned page_shift() const override { return region_->page_shift(); }
  [[nodiscard]] bool is_device() const override { return true; }
  [[nodiscard]] std::vector<const Region*> regions() const override { return {region_.get()}; }
  [[nodiscard]] std::size_t free_pages() const override { return free_->size(); }
  [[nodiscard]] CopyEngine& copy_engine() override { return *engine_; }

 private:
  DeviceMemory memory_;
  std::unique_ptr<Region> region_;  // destroyed before its memory
  std::optional<FreeList> free_;
  std::optional<GpuCopyEngine> engine_;
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_gpu_provider(std::shared_ptr<DeviceApi> device, GpuOptions options) {
  const auto shift = page_shift_of(options.page_size, options.size, device->name());
  if (!shift) return std::unexpected(shift.error());
  const auto address = device->allocate(options.size, options.page_size);
  if (!address) return std::unexpected(address.error());
  auto provider = std::make_shared<GpuProvider>(std::move(device), *address);
  if (auto cut = provider->cut(options.size, *shift, std::move(options.dma)); !cut) return std::unexpected(cut.error());
  return provider;
}

}  // namespace netmem
