#include "netmem/providers/free_list.h"

#include <algorithm>
#include <numeric>

#include "netmem/base/check.h"

namespace netmem {

FreeList::FreeList(const Region& region) : region_(region), free_(region.page_count()) {
  std::iota(free_.rbegin(), free_.rend(), 0U);
}

std::size_t FreeList::grant(std::span<Netmem> out) noexcept {
  const std::scoped_lock lock(mutex_);
  const std::size_t count = std::min(out.size(), free_.size());
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = region_.page(free_.back());
    free_.pop_back();
  }
  return count;
}

void FreeList::reclaim(std::span<const Netmem> pages) noexcept {
  const std::scoped_lock lock(mutex_);
  NETMEM_CHECK(free_.size() + pages.size() <= region_.page_count(), "region %s: more pages came back than it has",
               region_.name().c_str());
  for (const Netmem page : pages) free_.push_back(page.index());
}

std::size_t FreeList::size() const {
  const std::scoped_lock lock(mutex_);
  return free_.size();
}

}  // namespace netmem
