#include "netmem/providers/common/free_list.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "netmem/base/check.h"

namespace netmem {

FreeList::FreeList(const Region& region) : region_(region), count_(region.page_count()), free_(count_) {
  std::iota(free_.rbegin(), free_.rend(), 0U);
}

std::size_t FreeList::grant(std::span<Netmem> out) noexcept {
  const std::scoped_lock lock(lock_);
  const std::size_t granted = std::min(out.size(), count_);
  for (std::size_t i = 0; i < granted; ++i) out[i] = region_.page(free_[--count_]);
  return granted;
}

void FreeList::reclaim(std::span<const Netmem> pages) noexcept {
  const std::scoped_lock lock(lock_);
  NETMEM_CHECK(pages.size() <= free_.size() - count_, "region %s: more pages came back than it has",
               region_.name().c_str());
  for (const Netmem page : pages) free_[count_++] = page.index();
}

std::size_t FreeList::size() const {
  const std::scoped_lock lock(lock_);
  return count_;
}

}  // namespace netmem
