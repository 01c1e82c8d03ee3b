// Base of providers that wrap another one and pass on what they do not change. Threads: as MemoryProvider.
//
// The pages stay pages of the wrapped provider's regions: what leaves its pool for good (disconnect) is reclaimed there
// directly, which is why disconnected_page_leaves() takes it off a decorator's books.
#pragma once

#include <memory>
#include <utility>

#include "netmem/core/memory_provider.h"

namespace netmem {

class NETMEM_EXPORT Decorator : public MemoryProvider {
 public:
  // REQUIRES: not null.
  explicit Decorator(std::shared_ptr<MemoryProvider> inner) : inner_(std::move(inner)) {}

  std::size_t grant(std::span<Netmem> out) noexcept override { return inner_->grant(out); }
  void reclaim(std::span<const Netmem> pages) noexcept override { inner_->reclaim(pages); }
  [[nodiscard]] std::string name() const override { return inner_->name(); }
  [[nodiscard]] std::string describe() const override { return inner_->describe(); }
  [[nodiscard]] unsigned page_shift() const override { return inner_->page_shift(); }
  [[nodiscard]] bool is_device() const override { return inner_->is_device(); }
  void visit_regions(const RegionVisitor& visit) const override { inner_->visit_regions(visit); }
  [[nodiscard]] const Region* lasting_region() const override { return inner_->lasting_region(); }
  [[nodiscard]] std::size_t free_pages() const override { return inner_->free_pages(); }
  [[nodiscard]] std::vector<Counter> counters() const override { return inner_->counters(); }
  [[nodiscard]] CopyEngine& copy_engine() override { return inner_->copy_engine(); }
  [[nodiscard]] std::shared_ptr<DmaDevice> staging_dma() override { return inner_->staging_dma(); }
  void disconnected_page_leaves() override { inner_->disconnected_page_leaves(); }

 protected:
  [[nodiscard]] MemoryProvider& inner() const { return *inner_; }

 private:
  const std::shared_ptr<MemoryProvider> inner_;
};

}  // namespace netmem
