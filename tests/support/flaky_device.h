// Device memory whose copy engine refuses while it is told to. Tests only.
#pragma once

#include <deque>
#include <memory>

#include "netmem/base/mapping.h"
#include "netmem/core/memory_provider.h"
#include "netmem/providers/mapped/device_copy_engine.h"

namespace netmem {

class FlakyDevice final : public MemoryProvider {
 public:
  explicit FlakyDevice(std::uint32_t pages)
      : memory_(Mapping::anonymous(std::size_t{pages} << 12).value()), region_(make_region()), engine_(*this) {
    for (std::uint32_t i = 0; i < pages; ++i) free_.push_back(i);
  }

  std::size_t grant(std::span<Netmem> out) noexcept override {
    std::size_t count = 0;
    for (; count < out.size() && !free_.empty(); ++count, free_.pop_front()) out[count] = region_->page(free_.front());
    return count;
  }
  void reclaim(std::span<const Netmem> pages) noexcept override {
    for (const Netmem page : pages) free_.push_back(page.index());
  }
  [[nodiscard]] std::string name() const override { return "flaky"; }
  [[nodiscard]] std::string describe() const override { return "flaky: device memory for tests"; }
  [[nodiscard]] unsigned page_shift() const override { return 12; }
  [[nodiscard]] bool is_device() const override { return true; }
  void visit_regions(const RegionVisitor& visit) const override { visit(*region_); }
  [[nodiscard]] const Region* lasting_region() const override { return region_.get(); }
  [[nodiscard]] std::size_t free_pages() const override { return free_.size(); }
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

  bool refuses = false;
  std::size_t batches = 0;

 private:
  class Engine final : public CopyEngine {
   public:
    explicit Engine(FlakyDevice& device) : device_(device), real_(*device.region_, device.memory_.data(), -1) {}
    Result<void> copy_in(std::span<const CopyIn> batch) override {
      ++device_.batches;
      if (device_.refuses) return refused("copy into flaky memory", "it was told to refuse");
      return real_.copy_in(batch);
    }
    Result<void> copy_out(std::span<const CopyOut> batch) override {
      ++device_.batches;
      if (device_.refuses) return refused("copy out of flaky memory", "it was told to refuse");
      return real_.copy_out(batch);
    }

   private:
    FlakyDevice& device_;
    DeviceCopyEngine real_;
  };

  std::unique_ptr<Region> make_region() {
    // A device's own address, far from any of the CPU's.
    return Region::create(*this, {.name = "flaky", .device = true, .address = 0x1000, .size = memory_.size()}).value();
  }

  Mapping memory_;
  std::unique_ptr<Region> region_;
  Engine engine_;
  std::deque<std::uint32_t> free_;
};

}  // namespace netmem
