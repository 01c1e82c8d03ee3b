// PagePool::audit(): counts every page again from the descriptors' side and compares it with the books.

#include <string>
#include <unordered_set>

#include "netmem/base/check.h"
#include "netmem/pool/page_pool.h"

namespace netmem {
namespace {

struct Census {
  std::uint64_t owned = 0;    // pages that name the pool as owner
  std::uint64_t at_rest = 0;  // of these, pages with no holder but the pool or its ring: refs == 1
};

Census count_owned(const MemoryProvider& provider, const PageOwner* owner) {
  Census census;
  provider.visit_regions([&](const Region& region) {
    for (std::uint32_t i = 0; i < region.page_count(); ++i) {
      const Descriptor& page = region.descriptor(i);
      const std::uint32_t refs = page.refs.load(std::memory_order_acquire);
      if (page.owner != owner || (refs & Descriptor::kDisconnected) != 0) continue;
      ++census.owned;
      if ((refs & Descriptor::kCountMask) == 1) ++census.at_rest;
    }
  });
  return census;
}

std::string numbers(const char* what, std::uint64_t books, std::uint64_t found) {
  return std::string(what) + ": the books say " + std::to_string(books) + ", found " + std::to_string(found);
}

}  // namespace

Result<void> PagePool::audit() const {
  const auto wrong = [&](std::string reason) {
    return refused("balance the books of pool " + options_.name, std::move(reason));
  };
  const PoolCounters c = counters();
  const Census census = count_owned(*provider_, this);
  if (census.owned != c.hold - c.release) return wrong(numbers("pages held", c.hold - c.release, census.owned));
  if (c.in_cache + c.in_ring > census.at_rest)
    return wrong(numbers("pages in cache and ring", c.in_cache + c.in_ring, census.at_rest));
  if (c.inflight() < 0) return wrong(numbers("pages in flight", 0, static_cast<std::uint64_t>(-c.inflight())));

  std::unordered_set<const Descriptor*> seen;
  for (std::uint64_t i = 0; i < c.in_cache; ++i) {
    const Netmem page = top() && i + 1 == c.in_cache ? top() : slots_[i];
    const Descriptor& descriptor = page.descriptor();
    const std::string which = "page " + std::to_string(descriptor.index) + " in the cache ";
    if (!page.current()) return wrong(which + "has the handle of an earlier life");
    if (descriptor.owner != this) return wrong(which + "belongs to " + descriptor.owner->owner_name());
    if ((descriptor.refs.load(std::memory_order_relaxed) & Descriptor::kCountMask) != 1)
      return wrong(which + "is still referenced");
    if (!seen.insert(&descriptor).second) return wrong(which + "is there twice");
  }
  return {};
}

}  // namespace netmem
