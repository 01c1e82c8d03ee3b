// Base of providers of memory in one range: cuts it into pages, grants and reclaims them. What is left to write is how
// the memory is had (docs/providers.md shows a whole one), and for device memory, how it is copied to and from.
// Threads: as MemoryProvider; cut() once, at creation.
#pragma once

#include <memory>
#include <optional>

#include "netmem/base/mapping.h"
#include "netmem/core/memory_provider.h"
#include "netmem/providers/common/free_list.h"
#include "netmem/providers/common/host_copy_engine.h"

namespace netmem {

class NETMEM_EXPORT RegionProvider : public MemoryProvider {
 public:
  std::size_t grant(std::span<Netmem> out) noexcept override { return free_->grant(out); }
  void reclaim(std::span<const Netmem> pages) noexcept override { free_->reclaim(pages); }
  [[nodiscard]] unsigned page_shift() const override { return region_->page_shift(); }
  [[nodiscard]] bool is_device() const override { return region_->is_device(); }
  void visit_regions(const RegionVisitor& visit) const override { visit(*region_); }
  [[nodiscard]] const Region* lasting_region() const override { return region_.get(); }
  [[nodiscard]] std::size_t free_pages() const override { return free_->size(); }
  // For host memory.
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

 protected:
  // `memory` is unmapped after the region is gone; empty: somebody else's.
  explicit RegionProvider(Mapping memory = {}) : memory_(std::move(memory)) {}

  // Makes the one region, at memory() where `spec` names no address. REQUIRES: done before the provider is used.
  Result<void> cut(RegionSpec spec, std::shared_ptr<DmaDevice> dma);
  // For destructors that give the memory back to somebody.
  void destroy_region() { region_.reset(); }

  [[nodiscard]] const Mapping& memory() const { return memory_; }
  [[nodiscard]] const Region& region() const { return *region_; }

 private:
  Mapping memory_;
  std::unique_ptr<Region> region_;
  std::optional<FreeList> free_;
  HostCopyEngine engine_;
};

}  // namespace netmem
