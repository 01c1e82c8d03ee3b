#include "netmem/pool/page_pool.h"

#include <algorithm>
#include <array>
#include <bit>

#include "netmem/base/backoff.h"
#include "netmem/base/check.h"
#include "netmem/base/units.h"
#include "netmem/pool/pool_observer.h"

namespace netmem {
namespace {

// About 300 ns where a pause takes 70 cycles (Zen 5, Skylake and later), much less elsewhere. docs/decisions has how it
// was chosen.
constexpr int kStarvedPauses = 12;

constexpr const char* kForkedText =
    "pool %s: used in a child of fork(); its pages are the parent's: create the pool after the fork";

constexpr std::size_t kLargestRing = std::size_t{1} << 24;
constexpr std::size_t kMostGranted = 2 * MiB;  // at once, so that large pages are not hoarded; of larger ones one

std::span<const std::uint64_t> bits_of(std::span<const Netmem> pages) {
  static_assert(sizeof(Netmem) == sizeof(std::uint64_t));
  return {reinterpret_cast<const std::uint64_t*>(pages.data()), pages.size()};
}

bool is_registered(const MemoryProvider& provider) {
  bool registered = true;
  provider.visit_regions([&](const Region& region) { registered &= region.dma_device() != nullptr; });
  return registered;
}

Result<void> validate_dma_sync(const MemoryProvider& provider, const PoolOptions& options,
                               const std::string& attempted) {
  if (!options.dma_sync) return {};
  if (provider.is_device())
    return refused(attempted, "option dma_sync makes no sense for device memory: the CPU never touches it",
                   "leave it off");
  if (!is_registered(provider))
    return refused(attempted, "option dma_sync needs memory that is registered with a DMA device",
                   "give the provider one, or leave dma_sync off");
  if (options.dma_max_len == 0 || std::size_t{options.dma_offset} + options.dma_max_len > provider.page_size())
    return refused(attempted,
                   "dma_offset and dma_max_len name no range inside a page of " + format_size(provider.page_size()),
                   "set dma_max_len to the most that the device writes");
  return {};
}

Result<void> validate(const MemoryProvider& provider, const PoolOptions& options) {
  const std::string attempted = "create page pool " + options.name;
  if (provider.was_forked())
    return refused(attempted, "its provider was created before fork(), and its pages are the parent's",
                   "create the provider after the fork");
  if (options.ring_size == 0 || options.ring_size > kLargestRing)
    return refused(attempted, "option ring_size is " + std::to_string(options.ring_size), "use 1 to 2^24");
  if (provider.is_device() && !options.allow_unreadable)
    return refused(attempted, "provider " + provider.name() + " has device memory, which the CPU cannot read",
                   "set allow_unreadable when the program does not need to");
  if (provider.is_device() && options.numa_node >= 0)
    return refused(attempted, "option numa_node makes no sense for device memory", "leave it at -1");
  return validate_dma_sync(provider, options, attempted);
}

}  // namespace

Result<PagePoolPtr> PagePool::create(std::shared_ptr<MemoryProvider> provider, PoolOptions options) {
  if (!provider) return refused("create page pool " + options.name, "it has no memory provider");
  if (auto valid = validate(*provider, options); !valid) return std::unexpected(valid.error());
  PagePoolPtr pool(new PagePool(std::move(provider), std::move(options)));
  if (pool->options_.observer) pool->options_.observer->added(*pool);
  return pool;
}

PagePool::PagePool(std::shared_ptr<MemoryProvider> provider, PoolOptions options)
    : numa_node_(options.numa_node),
      ring_(std::bit_ceil(options.ring_size)),
      provider_(std::move(provider)),
      options_(std::move(options)),
      page_shift_(provider_->page_shift()),
      grant_batch_(std::clamp<std::size_t>(kMostGranted >> page_shift_, 1, kCacheRefill)),
      created_(std::chrono::steady_clock::now()),
      fork_watch_([](void* pool) noexcept { static_cast<PagePool*>(pool)->forget_parents_pages(); }, this) {}

PagePool::~PagePool() = default;

// Not inlined: what a fork makes it check would cost allocations registers.
[[gnu::noinline]] void PagePool::set_consumer() noexcept {
  NETMEM_CHECK(!was_forked(), kForkedText, options_.name.c_str());
  const CacheGuard guard(occupant_);
  consumer_.store(assign_thread_id(), std::memory_order_relaxed);
}

void PagePool::set_numa_node(int node) noexcept { numa_node_ = node; }

// ---- allocation ----

// In a child of fork() no thread is the consumer, and set_consumer() stops the program.
void PagePool::check_consumer() noexcept {
  if (consumer_.load(std::memory_order_relaxed) == kNoThread) set_consumer();
  NETMEM_CHECK(is_consumer(), "pool %s: allocation on a thread that is not its consumer", options_.name.c_str());
}

Netmem PagePool::alloc_slow() noexcept {
  check_consumer();
  Netmem page;
  if (refill_from_lane() || refill_from_ring() || refill_from_provider()) {
    (void)try_take(page);
  } else {
    mine_.failed.add(1);
    pause_starved();
  }
  return page;
}

std::size_t PagePool::try_alloc(std::span<Netmem> out) noexcept {
  std::size_t count = take(out);
  if (count == out.size()) return count;
  check_consumer();
  while (count < out.size()) {
    const std::size_t got = refill_and_take(out.subspan(count));
    if (got == 0) {
      mine_.failed.add(1);
      if (count == 0) pause_starved();
      break;
    }
    count += got;
  }
  return count;
}

// REQUIRES: the cache is empty.
std::size_t PagePool::refill_and_take(std::span<Netmem> out) noexcept {
  const bool past_the_cache = out.size() >= kCacheRefill && numa_node_ < 0;
  if (!past_the_cache || in_lane_.mine() != 0)
    return refill_from_lane() || refill_from_ring() || refill_from_provider() ? take(out) : 0;
  if (const std::size_t count = pop_home(out.first(kCacheRefill)); count != 0) {
    mine_.refill.add(1);
    mine_.brought_in.add(count);
    for (const Netmem page : out.first(count)) unpoison(page);
    return count;
  }
  mine_.empty.add(1);
  return refill_from_provider() ? take(out) : 0;
}

// Keeps its hands off the ring for a moment: a consumer that asks again at once takes the cache line that returning
// threads write from under them, and every page travels alone.
void PagePool::pause_starved() noexcept {
  for (int i = 0; i < kStarvedPauses; ++i) relax();
}

bool PagePool::on_wrong_node(Netmem page) const noexcept {
  return numa_node_ >= 0 && page.region().numa_node() != numa_node_;
}

// From the ring, their lives ended; how many.
std::size_t PagePool::pop_home(std::span<Netmem> out) noexcept {
  Netmem* to = out.data();
  return ring_.pop_each(out.size(), [&](std::uint64_t value) { *to++ = send_home(Netmem::from_bits(value)); });
}

// REQUIRES for all three: the cache is empty. True: now it is not.
bool PagePool::refill_from_lane() noexcept {
  const std::size_t count = in_lane_.mine();
  if (count == 0) return false;
  in_lane_.set(0);
  return bring_in_recycled(std::span(lane_).first(count));
}

bool PagePool::refill_from_ring() noexcept {
  std::array<Netmem, kCacheRefill> pages;
  const std::size_t count = pop_home(pages);
  if (count == 0) mine_.empty.add(1);
  return bring_in_recycled(std::span(pages).first(count));
}

// Without those on the wrong node, which go back to the provider.
bool PagePool::bring_in_recycled(std::span<Netmem> pages) noexcept {
  if (numa_node_ >= 0) {
    std::array<Netmem, kCacheRefill> waived;
    std::size_t waived_count = 0;
    std::size_t kept = 0;
    for (const Netmem page : pages) (on_wrong_node(page) ? waived[waived_count++] : pages[kept++]) = page;
    mine_.waive.add(waived_count);
    reclaim(std::span(waived).first(waived_count));
    pages = pages.first(kept);
  }
  if (pages.empty()) return false;
  bring_in(pages);
  mine_.refill.add(1);
  return true;
}

bool PagePool::refill_from_provider() noexcept {
  std::array<Netmem, kCacheRefill> batch;
  const std::size_t granted = provider_->grant(std::span(batch.data(), grant_batch_));
  NETMEM_CHECK(granted <= grant_batch_, "provider %s granted %zu pages where %zu were asked for",
               provider_->name().c_str(), granted, grant_batch_);
  const std::span<const Netmem> pages(batch.data(), granted);
  if (granted == 0) return false;
  adopt(pages);
  bring_in(pages);
  (page_shift_ == kSmallestPageShift ? mine_.slow : mine_.slow_high_order).add(1);
  return true;
}

void PagePool::adopt(std::span<const Netmem> pages) noexcept {
  for (const Netmem page : pages) {
    Descriptor& descriptor = page.descriptor();
    if (descriptor.owner != &no_owner() || !page.current()) report_misuse(page, "granted while it was in use");
    descriptor.owner = this;
    if (!options_.dma_sync) continue;
    // create() cannot see this of a provider that maps its memory on demand.
    NETMEM_CHECK(page.region().dma_device() != nullptr, "pool %s has dma_sync, but provider %s has no DMA device",
                 options_.name.c_str(), provider_->name().c_str());
    descriptor.refs.store(descriptor.refs.load(std::memory_order_relaxed) | Descriptor::kSynced,
                          std::memory_order_relaxed);
    mark(page);
    sync_for_device(page, kWholePage);
  }
  mine_.hold.add(pages.size());
}

// Onto the empty cache, so that they are handed out in this order.
void PagePool::bring_in(std::span<const Netmem> pages) noexcept {
  std::ranges::reverse_copy(pages, slots_);
  mine_.version.add(1);
  mine_.brought_in.set_release(mine_.brought_in.mine() + pages.size());
  in_slots_.set_release(pages.size());
  mine_.version.set_release(mine_.version.mine() + 1);  // partner: read_cache()
}

// ---- fragments ----

Fragment PagePool::try_alloc_fragment(std::uint32_t size) noexcept {
  if (size == 0 || size > page_size()) {
    mine_.failed.add(1);
    return {};
  }
  const std::uint32_t room = (size + kFragmentAlignment - 1) & ~(kFragmentAlignment - 1);
  if (!fragmented_ || fragment_offset_ + room > page_size()) [[unlikely]] {
    if (!begin_fragments()) return {};
  }
  const Fragment fragment{fragmented_, fragment_offset_, size};
  fragment_offset_ += room;
  ++fragments_out_;
  mine_.fragments.add(1);
  return fragment;
}

// A page with nothing cut from it yet: the last one when all its fragments are home, else a new one.
bool PagePool::begin_fragments() noexcept {
  Netmem page = drain_fragments();
  if (!page) page = try_alloc();
  if (!page) return false;
  Atomic<std::uint32_t>& refs = page.descriptor().refs;
  refs.store(refs.load(std::memory_order_relaxed) - 1 + kFragmentBias, std::memory_order_relaxed);  // sole owner
  mark(page);
  fragmented_ = page;
  fragments_out_ = 0;
  fragment_offset_ = 0;
  return true;
}

// Gives up the pool's share of the page that was cut; the page itself when nobody else holds it any more.
Netmem PagePool::drain_fragments() noexcept {
  const Netmem page = std::exchange(fragmented_, {});
  if (!page) return {};
  Atomic<std::uint32_t>& refs = page.descriptor().refs;
  const std::uint32_t surplus = kFragmentBias - fragments_out_;  // what the fragments still out do not stand for
  const std::uint32_t before = refs.load(std::memory_order_acquire);
  if ((before & Descriptor::kCountMask) < surplus) report_misuse(page, "more fragments dropped than handed out");
  if (before == surplus) {  // partner: the fetch_sub of the drops on other threads
    refs.store(1, std::memory_order_relaxed);
    page.life().set(page.bits());
    return page;
  }
  drop_shared(page, surplus);
  return {};
}

void PagePool::flush_fragments() noexcept {
  if (const Netmem page = drain_fragments(); page) recycle(page);
}

// ---- the way home ----

void PagePool::sync_for_device(Netmem page, std::uint32_t touched) noexcept {
  if (!options_.dma_sync) return;
  page.region().dma_device()->sync_for_device(page.dma_address() + options_.dma_offset,
                                              std::min(touched, options_.dma_max_len));
}

void PagePool::sync_for_cpu(Netmem page, std::uint32_t offset, std::uint32_t size) const noexcept {
  if (!options_.dma_sync) return;
  page.region().dma_device()->sync_for_cpu(page.dma_address() + options_.dma_offset + offset, size);
}

void PagePool::recycle_slow(Netmem page, std::uint32_t touched) noexcept {
  Descriptor& descriptor = page.descriptor();
  NETMEM_CHECK(is_consumer(), "pool %s: recycle on a thread that is not its consumer; use drop", options_.name.c_str());
  if (!page.current()) report_misuse(page, "recycled twice, or after it went home");
  if (descriptor.owner != this) report_misuse(page, "recycled into another pool than its own");
  if (page == fragmented_) return recycle_fragment(page);
  const std::uint32_t refs = descriptor.refs.load(std::memory_order_acquire);
  if ((refs & Descriptor::kDisconnected) != 0) return drop_shared(page);
  if ((refs & Descriptor::kCountMask) > 1) {
    released_refcnt_.fetch_add(1, std::memory_order_relaxed);
    disconnect(page);
    return drop_shared(page);
  }
  if ((refs & Descriptor::kTransient) != 0) return release(page);
  recycle_sole(page, touched);
}

// On the consumer.
void PagePool::recycle_sole(Netmem page, std::uint32_t touched) noexcept {
  if (!page.current()) report_misuse(page, "dropped twice, or after it went home");
  sync_for_device(page, touched);
  if (height() < kCacheSize) return push(send_home(page));
  mine_.cache_full.add(1);
  to_lane(page);
}

void PagePool::recycle(std::span<const Netmem> pages) noexcept {
  while (!pages.empty()) {
    std::size_t put = try_put<false>(pages);
    if (put == 0) put = put_aside(pages);
    if (put == 0) {
      recycle_slow(pages.front(), kWholePage);
      put = 1;
    }
    pages = pages.subspan(put);
  }
}

void PagePool::recycle_to_ring(Netmem page) noexcept {
  sync_for_device(page, kWholePage);
  if (is_consumer()) return to_lane(page);
  to_ring(std::span(&page, 1));
}

// On the consumer.
void PagePool::to_lane(Netmem page) noexcept {
  const Netmem next = send_home(page);
  make_room_in_lane();
  lane_[in_lane_.mine()] = next;
  in_lane_.add(1);
  mine_.lane_puts.add(1);
}

// How much, at least 1.
std::size_t PagePool::make_room_in_lane() noexcept {
  const std::size_t most = std::min(lane_.size(), ring_.capacity());
  if (in_lane_.mine() == most) flush_lane();
  return most - in_lane_.mine();
}

std::size_t PagePool::put_aside(std::span<const Netmem> pages) noexcept {
  if (height() < kCacheSize) return 0;
  const std::size_t room = std::min(pages.size(), make_room_in_lane());
  Netmem* const to = &lane_[in_lane_.mine()];
  std::size_t count = 0;
  for (; count < room && ends_life<true>(pages[count]); ++count) to[count] = pages[count].next_generation();
  in_lane_.add(count);
  mine_.lane_puts.add(count);
  mine_.cache_full.add(count);
  return count;
}

void PagePool::flush_lane() noexcept {
  const std::span<const Netmem> pages = std::span(lane_).first(in_lane_.mine());
  in_lane_.set(0);
  mine_.lane_flushes.add(pages.size());
  const std::size_t pushed = ring_.push(bits_of(pages));
  ring_full_.fetch_add(pages.size() - pushed, std::memory_order_relaxed);
  reclaim(pages.subspan(pushed));
}

void PagePool::take_home(std::span<const Netmem> pages) noexcept {
  if (is_consumer()) {
    for (const Netmem page : pages) recycle_sole(page, kWholePage);
    return;
  }
  for (const Netmem page : pages) sync_for_device(page, kWholePage);
  to_ring(pages);
}

void PagePool::take_home_transient(Netmem page) noexcept { to_provider(std::span(&page, 1)); }

// Once all of them are in the ring, the pool may end at any moment: nothing of it is touched after that.
void PagePool::to_ring(std::span<const Netmem> pages) noexcept {
  const std::size_t pushed = ring_.push(bits_of(pages));
  if (pushed == pages.size()) return;
  const std::span<const Netmem> rest = pages.subspan(pushed);
  if (!ring_.closed()) ring_full_.fetch_add(rest.size(), std::memory_order_relaxed);
  to_provider(rest);
}

void PagePool::release(Netmem page) noexcept {
  const std::uint32_t refs = page.descriptor().refs.load(std::memory_order_acquire);
  NETMEM_CHECK((refs & Descriptor::kCountMask) == 1, "pool %s: page %u released while %u references are held",
               options_.name.c_str(), page.index(), refs & Descriptor::kCountMask);
  to_provider(std::span(&page, 1));
}

void PagePool::to_provider(std::span<const Netmem> pages) noexcept {
  for (; pages.size() > kCacheRefill; pages = pages.subspan(kCacheRefill)) to_provider(pages.first(kCacheRefill));
  if (pages.size() == 1) {  // without the array
    const Netmem ended = end_life_here(pages.front());
    return reclaim(std::span(&ended, 1));
  }
  std::array<Netmem, kCacheRefill> ended;
  std::ranges::transform(pages, ended.begin(), [this](Netmem page) { return end_life_here(page); });
  reclaim(std::span(ended).first(pages.size()));
}

// Nobody else raises a page's generation while its consumer does.
Netmem PagePool::end_life_here(Netmem page) noexcept { return is_consumer() ? send_home(page) : end_life(page); }

// The page is at nobody's but the caller's, between two lives.
void PagePool::forget_sync(Netmem page) noexcept {
  Atomic<std::uint32_t>& refs = page.descriptor().refs;
  const std::uint32_t without = refs.load(std::memory_order_relaxed) & ~Descriptor::kSynced;
  refs.store(without, std::memory_order_relaxed);
  if (without == 1) page.life().set(page.bits());
}

void PagePool::reclaim(std::span<const Netmem> pages) noexcept {
  if (pages.empty()) return;
  for (const Netmem page : pages) {
    page.descriptor().owner = &no_owner();
    if (options_.dma_sync) forget_sync(page);
  }
  provider_->reclaim(pages);
  count_released(pages.size());
}

void PagePool::disconnect(Netmem page) noexcept {
  if (page.descriptor().owner != this) report_misuse(page, "disconnected from another pool than its own");
  provider_->disconnected_page_leaves();
  const std::uint32_t before = page.descriptor().refs.fetch_or(Descriptor::kDisconnected, std::memory_order_acq_rel);
  if ((before & Descriptor::kDisconnected) != 0 || !page.current())
    report_misuse(page, "disconnected twice, or at home");
  if ((before & Descriptor::kCountMask) == 1) mark(page);
  count_released(1);
}

void PagePool::count_released(std::uint64_t count) noexcept {
  if (is_consumer()) return mine_.released.add(count);  // detach() adds them up
  add_released(count);
}

// The last function that may touch the pool on behalf of pages: for all but the last one, another thread may have
// deleted it by the time the addition is done.
void PagePool::add_released(std::uint64_t count) noexcept {
  if (released_.fetch_add(count, std::memory_order_acq_rel) + count != kAllHome) return;
  if (options_.observer) options_.observer->removed(*this);
  delete this;
}

// ---- the end ----

void DetachPool::operator()(PagePool* pool) const noexcept { pool->detach(); }

void PagePool::empty_cache() noexcept {
  std::array<Netmem, kCacheSize> pages;
  const std::size_t count = take(pages);
  mine_.taken_out.add(count);
  reclaim(std::span(pages).first(count));
  reclaim(std::span(lane_).first(in_lane_.mine()));
  in_lane_.set(0);
}

// In the child of a fork. The cache looks empty, so that the next allocation comes to check_consumer(); no thread is
// the consumer, so that pages which are dropped go into the child's copy of the ring, out of which nobody takes them.
void PagePool::forget_parents_pages() noexcept {
  consumer_.store(kNoThread, std::memory_order_relaxed);
  set_top({});
  in_slots_.set(0);
  in_lane_.set(0);
  fragmented_ = {};
}

void PagePool::detach() noexcept {
  if (was_forked()) return;
  CacheGuard guard(occupant_);
  if (const Netmem page = drain_fragments(); page) to_provider(std::span(&page, 1));
  consumer_.store(kNoThread, std::memory_order_relaxed);
  empty_cache();
  ring_.close();
  std::array<std::uint64_t, kCacheRefill> values;
  while (const std::size_t count = ring_.drain_closed(values)) {
    std::array<Netmem, kCacheRefill> pages;
    std::ranges::transform(std::span(values.data(), count), pages.begin(), Netmem::from_bits);
    to_provider(std::span(pages.data(), count));
  }
  const std::uint64_t hold = mine_.hold.mine();
  if (options_.observer) options_.observer->detached(*this, released(hold) != hold);
  const std::uint64_t by_consumer = mine_.released.mine();
  guard.leave();
  add_released(kAllHome - hold + by_consumer);
}

// ---- reports ----

// Figures that belong together: nothing was put and nothing brought in while they were read; when the consumer is too
// quick for that a thousand times, handed_out is wrong by what it moved meanwhile.
PagePool::CacheBooks PagePool::read_cache() const noexcept {
  CacheBooks books{};
  for (int tries = 0; tries < 1000; ++tries) {
    const std::uint64_t version = mine_.version.read_acquire();
    books.cached = puts_.read_acquire();
    const std::uint64_t came = books.cached + mine_.brought_in.read_acquire() - mine_.taken_out.read_acquire();
    const std::uint64_t in_slots = in_slots_.read_acquire();
    books.in_cache = in_slots + (top_.read_acquire() != 0 ? 1 : 0);
    books.handed_out = came > books.in_cache ? came - books.in_cache : 0;
    if (version % 2 == 0 && puts_.read() == books.cached && mine_.version.read() == version) break;
  }
  return books;
}

// Of `hold` pages taken from the provider, as many as were given back.
std::uint64_t PagePool::released(std::uint64_t hold) const noexcept {
  const std::uint64_t sum = released_.load(std::memory_order_relaxed);
  return sum < kAllHome / 2 ? sum + mine_.released.read() : hold - (kAllHome - sum);
}

PoolCounters PagePool::counters() const noexcept {
  PoolCounters c;
  const CacheBooks cache = read_cache();
  c.slow = mine_.slow.read();
  c.slow_high_order = mine_.slow_high_order.read();
  c.empty = mine_.empty.read();
  c.refill = mine_.refill.read();
  c.waive = mine_.waive.read();
  const std::uint64_t not_fast = c.slow + c.slow_high_order + c.refill;
  c.fast = cache.handed_out > not_fast ? cache.handed_out - not_fast : 0;
  c.cached = cache.cached;
  c.cache_full = mine_.cache_full.read();
  c.ring = ring_.pushed() + mine_.lane_puts.read() - mine_.lane_flushes.read();
  c.ring_full = ring_full_.load(std::memory_order_relaxed);
  c.released_refcnt = released_refcnt_.load(std::memory_order_relaxed);
  c.failed = mine_.failed.read();
  c.fragments = mine_.fragments.read();
  c.hold = mine_.hold.read();
  c.release = released(c.hold);
  c.in_cache = cache.in_cache;
  c.in_ring = ring_.size() + in_lane_.read();
  return c;
}

std::size_t PagePool::bookkeeping() const { return sizeof *this + ring_.capacity() * sizeof(std::uint64_t); }

}  // namespace netmem
