#include "netmem/providers/common/blocks.h"

#include <algorithm>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/providers/common/backing_page.h"

namespace netmem {

Blocks::Blocks(MemoryProvider& provider, std::string name, unsigned page_shift, bool transient,
               std::shared_ptr<DmaDevice> dma)
    : provider_(provider),
      name_(std::move(name)),
      page_shift_(page_shift),
      transient_(transient),
      dma_(std::move(dma)) {}

std::size_t Blocks::grant(std::span<Netmem> out) noexcept {
  if (open_ == nullptr) return 0;
  const std::size_t left = open_->region->page_count() - open_->cut;
  const auto count = static_cast<std::uint32_t>(std::min(left, out.size()));
  for (std::uint32_t i = 0; i < count; ++i) out[i] = open_->region->page(open_->cut + i);
  open_->cut += count;
  open_->granted += count;
  free_pages_ -= count;
  // All its pages were granted and some still are: from here on their return ends the block.
  if (count == left) open_ = nullptr;
  return count;
}

Result<void> Blocks::add(Mapping memory) {
  NETMEM_CHECK(open_ == nullptr, "%s: a block was added while pages of the open one are left", name_.c_str());
  const auto backing = backing_page_size(memory.data());
  if (!backing) return std::unexpected(backing.error());
  const RegionSpec spec{.name = name_,
                        .address = reinterpret_cast<std::uintptr_t>(memory.data()),
                        .size = memory.size(),
                        .page_shift = page_shift_,
                        .backing_page = *backing,
                        .transient = transient_,
                        .io_window = memory.data()};
  auto region = Region::create(provider_, spec, dma_);
  if (!region) return std::unexpected(region.error());
  const Region* key = region->get();
  open_ = &blocks_.emplace(key, Block{std::move(memory), std::move(*region)}).first->second;
  size_ += key->size();
  free_pages_ += key->page_count();
  return {};
}

void Blocks::reclaim(std::span<const Netmem> pages) noexcept {
  for (const Netmem page : pages) reclaim(page);
}

void Blocks::reclaim(Netmem page) noexcept {
  const auto found = blocks_.find(&page.region());
  NETMEM_CHECK(found != blocks_.end(), "%s: a page of region %s came back that is not its own", name_.c_str(),
               page.region().name().c_str());
  Block& block = found->second;
  NETMEM_CHECK(block.granted != 0, "%s: more pages of a block came back than were granted", name_.c_str());
  ++free_pages_;
  if (--block.granted != 0 || &block == open_) return;
  free_pages_ -= block.region->page_count();
  size_ -= block.region->size();
  ++returned_;
  blocks_.erase(found);
}

std::size_t Blocks::count(std::size_t backing_page) const {
  return static_cast<std::size_t>(std::count_if(blocks_.begin(), blocks_.end(), [&](const auto& entry) {
    return entry.second.region->backing_page() == backing_page;
  }));
}

void Blocks::visit_regions(const MemoryProvider::RegionVisitor& visit) const {
  for (const auto& [region, block] : blocks_) visit(*region);
}

}  // namespace netmem
