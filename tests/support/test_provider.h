// A provider for tests: any number of regions of host memory, each with its node and kind, pages granted in order and
// recorded.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "netmem/base/mapping.h"
#include "netmem/core/memory_provider.h"
#include "netmem/providers/common/host_copy_engine.h"

namespace netmem {

class TestProvider final : public MemoryProvider {
 public:
  struct RegionOptions {
    std::uint32_t pages = 256;
    int numa_node = 0;
    bool transient = false;
    std::shared_ptr<DmaDevice> dma = {};
  };

  static std::shared_ptr<TestProvider> create(std::vector<RegionOptions> regions, unsigned page_shift = 12) {
    std::shared_ptr<TestProvider> provider(new TestProvider(page_shift));
    for (const RegionOptions& options : regions) provider->add(options);
    return provider;
  }
  static std::shared_ptr<TestProvider> create(std::uint32_t pages = 256, unsigned page_shift = 12) {
    return create({RegionOptions{.pages = pages}}, page_shift);
  }

  std::size_t grant(std::span<Netmem> out) noexcept override {
    const std::scoped_lock lock(mutex_);
    ++grants;
    std::size_t count = 0;
    for (; count < out.size() && !free_.empty(); ++count) {
      const Netmem page = free_.front();
      free_.pop_front();
      out[count] = page.region().page(page.index());
    }
    return count;
  }
  void reclaim(std::span<const Netmem> pages) noexcept override {
    const std::scoped_lock lock(mutex_);
    for (const Netmem page : pages) {
      free_.push_back(page);
      reclaimed.push_back(page);
    }
  }
  [[nodiscard]] std::string name() const override { return "test"; }
  [[nodiscard]] std::string describe() const override { return "test: " + std::to_string(total_) + " pages"; }
  [[nodiscard]] unsigned page_shift() const override { return page_shift_; }
  [[nodiscard]] bool is_device() const override { return false; }
  void visit_regions(const RegionVisitor& visit) const override {
    for (const auto& region : regions_) visit(*region);
  }
  [[nodiscard]] const Region* lasting_region() const override {
    return regions_.size() == 1 ? regions_.front().get() : nullptr;
  }
  [[nodiscard]] std::size_t free_pages() const override {
    const std::scoped_lock lock(mutex_);
    return free_.size();
  }
  [[nodiscard]] std::size_t total_pages() const { return total_; }
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

  // One more region.
  void add(const RegionOptions& options) {
    const std::size_t size = std::size_t{options.pages} << page_shift_;
    memories_.push_back(Mapping::anonymous(size, std::size_t{1} << page_shift_).value());
    const auto address = reinterpret_cast<std::uintptr_t>(memories_.back().data());
    const RegionSpec spec{.name = "test",
                          .address = address,
                          .size = size,
                          .page_shift = page_shift_,
                          .numa_node = options.numa_node,
                          .transient = options.transient,
                          .io_window = memories_.back().data()};
    regions_.push_back(Region::create(*this, spec, options.dma).value());
    for (std::uint32_t i = 0; i < options.pages; ++i) free_.push_back(regions_.back()->page(i));
    total_ += options.pages;
  }

  std::size_t grants = 0;
  std::vector<Netmem> reclaimed;

 private:
  explicit TestProvider(unsigned page_shift) : page_shift_(page_shift) {}

  unsigned page_shift_;
  std::vector<Mapping> memories_;
  std::vector<std::unique_ptr<Region>> regions_;
  mutable std::mutex mutex_;
  std::deque<Netmem> free_;
  std::size_t total_ = 0;
  HostCopyEngine engine_;
};

}  // namespace netmem
