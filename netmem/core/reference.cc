#include "netmem/core/reference.h"

#include <array>

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

}  // namespace

void drop_shared(Netmem page) noexcept {
  Descriptor& descriptor = page.descriptor();
  std::uint32_t refs = descriptor.refs.load(std::memory_order_acquire);
  // Never the owner first: as long as others hold the page too, it may leave its pool, and the pool may end.
  if ((refs & Descriptor::kCountMask) > 1) refs = descriptor.refs.fetch_sub(1, std::memory_order_acq_rel);
  const std::uint32_t count = refs & Descriptor::kCountMask;
  if (count == 0) report_misuse(page, "dropped more often than it was retained");
  if (count == 1) drop_last(page, descriptor, refs & ~Descriptor::kCountMask);
}

void drop(std::span<const Netmem> pages) noexcept {
  std::array<Netmem, kCacheRefill> batch;
  std::size_t count = 0;
  PageOwner* owner = nullptr;  // of the pages in `batch`
  const auto flush = [&] {
    if (count != 0) owner->take_home(std::span<const Netmem>(batch.data(), count));
    count = 0;
  };
  for (const Netmem page : pages) {
    Descriptor& descriptor = page.descriptor();
    if (descriptor.refs.load(std::memory_order_acquire) != 1) {
      drop_shared(page);
      continue;
    }
    PageOwner* const home = descriptor.owner;
    if (home->is_consumer()) {
      if (!home->try_put(page)) home->take_home(std::span(&page, 1));
      continue;
    }
    if (home != owner || count == batch.size()) {
      flush();
      owner = home;
    }
    batch[count++] = page;
  }
  flush();
}

}  // namespace netmem
