// The free pages of one region, by number, outside the memory itself. Reused newest first, which keeps caches warm.
//
// Threads: any; a short lock, taken once per batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "netmem/base/spin_lock.h"
#include "netmem/core/netmem.h"
#include "netmem/core/region.h"

namespace netmem {

class NETMEM_EXPORT FreeList {
 public:
  // All pages of `region` free, lowest first.
  explicit FreeList(const Region& region);

  std::size_t grant(std::span<Netmem> out) noexcept;
  void reclaim(std::span<const Netmem> pages) noexcept;
  [[nodiscard]] std::size_t size() const;

 private:
  const Region& region_;
  mutable SpinLock lock_;
  std::size_t count_;
  std::vector<std::uint32_t> free_;  // free_[0, count_); room for every page
};

}  // namespace netmem
