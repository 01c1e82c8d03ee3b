#include "netmem/core/reference.h"

#include "netmem/core/memory_provider.h"
#include "netmem/core/region.h"

namespace netmem {
namespace {

// The last holder of a page that left its pool.
void return_disconnected(Netmem page, Descriptor& descriptor, std::uint32_t flags) {
  MemoryProvider& provider = page.region().provider();
  descriptor.refs.store(1 | (flags & Descriptor::kTransient), std::memory_order_relaxed);
  descriptor.owner = &no_owner();
  const Netmem next = end_life(page);
  provider.reclaim(std::span<const Netmem>(&next, 1));
  provider.disconnected_page_returned();
}

void drop_last(Netmem page, Descriptor& descriptor, std::uint32_t flags) {
  if ((flags & Descriptor::kDisconnected) != 0) return return_disconnected(page, descriptor, flags);
  descriptor.refs.store(1 | flags, std::memory_order_relaxed);
  PageOwner* owner = descriptor.owner;
  if ((flags & Descriptor::kTransient) != 0) return owner->take_home_transient(page);
  if (flags == 0) page.life().set(page.bits());
  if (owner->is_consumer() && owner->try_put(page)) return;
  owner->take_home(std::span<const Netmem>(&page, 1));
}

inline void drop_several(Netmem page, std::uint32_t several) {
  Descriptor& descriptor = page.descriptor();
  std::uint32_t refs = descriptor.refs.load(std::memory_order_acquire);
  // Never the owner first: as long as others hold the page too, it may leave its pool, and the pool may end.
  if ((refs & Descriptor::kCountMask) > several) refs = descriptor.refs.fetch_sub(several, std::memory_order_acq_rel);
  const std::uint32_t count = refs & Descriptor::kCountMask;
  if (count < several) report_misuse(page, "dropped more often than it was retained");
  if (count == several) drop_last(page, descriptor, refs & ~Descriptor::kCountMask);
}

}  // namespace

void drop_shared(Netmem page) noexcept { drop_several(page, 1); }
void drop_shared(Netmem page, std::uint32_t count) noexcept { drop_several(page, count); }

namespace {

// Sends home the first page and those after it that go the same way; how many.
std::size_t drop_run(std::span<const Netmem> pages) {
  const Descriptor& first = pages.front().descriptor();
  if (first.refs.load(std::memory_order_acquire) != 1) {
    std::size_t same = 1;  // fragments of a page often stand together: one atomic for all
    while (same < pages.size() && pages[same] == pages.front()) ++same;
    drop_several(pages.front(), static_cast<std::uint32_t>(same));
    return same;
  }
  PageOwner* const home = first.owner;
  if (home->is_consumer()) {
    if (const std::size_t put = home->try_put<true>(pages); put != 0) return put;
    if (const std::size_t put = home->put_aside(pages); put != 0) return put;
    home->take_home(pages.first(1));
    return 1;
  }
  std::size_t run = 1;
  for (; run < pages.size(); ++run) {
    const Descriptor& page = pages[run].descriptor();
    if (page.refs.load(std::memory_order_acquire) != 1 || page.owner != home) break;
  }
  home->take_home(pages.first(run));
  return run;
}

}  // namespace

void drop(std::span<const Netmem> pages) noexcept {
  while (!pages.empty()) pages = pages.subspan(drop_run(pages));
}

}  // namespace netmem
