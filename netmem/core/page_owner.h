// Where a page goes when its last reference is dropped: the part of a page pool that the core needs to know.
//
// The cache is an array used as a stack, with the page put last beside its height, in the same cache line: a program
// that takes and recycles one page at a time touches no slot and moves no height. puts_ counts every page put; how many
// were taken follows from it and from the height, so counting costs one addition for an alloc and recycle.
//
// Threads: try_take and try_put belong to the consumer, the one thread whose number is in consumer_. Any thread may
// read puts_ and in_slots_, ask is_consumer() and call take_home().
//
// Invariants:
//  1. 0 <= height() <= kCacheSize, where height() is in_slots_, and one more when top_ holds a page.
//  2. slots_[0, in_slots_) and top_ hold current handles of pages whose refs == 1 and whose owner is this.
//  3. Line 0 is written only when the pool changes hands, line 1 only by the consumer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "netmem/base/atomic.h"
#include "netmem/base/thread.h"
#include "netmem/core/cache_guard.h"
#include "netmem/core/netmem.h"
#include "netmem/core/poison.h"

namespace netmem {

// Linux PP_ALLOC_CACHE_SIZE and PP_ALLOC_CACHE_REFILL, include/net/page_pool/types.h.
inline constexpr std::size_t kCacheSize = 128;
inline constexpr std::size_t kCacheRefill = 64;

// What the page's life says next, when `now` is what it says: stops the program when the handle is from an earlier one.
inline std::uint64_t next_life(Netmem page, std::uint64_t now) {
  if ((now & ~Netmem::kLookBit) != page.bits()) [[unlikely]]
    report_misuse(page, "dropped twice, or after it went home");
  const bool look = (now & Netmem::kLookBit) != 0 && page.descriptor().refs.load(std::memory_order_relaxed) != 1;
  return page.next_generation().bits() | (look ? Netmem::kLookBit : 0);
}

class NETMEM_EXPORT alignas(64) PageOwner {
 public:
  PageOwner(const PageOwner&) = delete;
  PageOwner& operator=(const PageOwner&) = delete;

  [[nodiscard]] bool is_consumer() const { return consumer_.load(std::memory_order_relaxed) == this_thread_number; }

  // REQUIRES: consumer. The page last put; false when there is none.
  [[nodiscard]] bool try_take(Netmem& page) {
    const CacheGuard guard(occupant_);
    page = top();
    if (page) {
      set_top({});
    } else {
      const std::uint64_t in_slots = in_slots_.mine();
      if (in_slots == 0) [[unlikely]]
        return false;
      page = slots_[in_slots - 1];
      in_slots_.set(in_slots - 1);
    }
    unpoison(page);
    return true;
  }

  // REQUIRES: consumer, and this is the page's pool. False: there is no room, or the page needs a closer look; it is
  // still the caller's.
  [[nodiscard]] bool try_put(Netmem page) {
    [[maybe_unused]] const CacheGuard guard = enter();
    SingleWriter<std::uint64_t>& life = page.life();
    if (life.mine() != page.bits()) [[unlikely]]
      return false;
    const Netmem next = page.next_generation();
    if (top()) {
      const std::uint64_t in_slots = in_slots_.mine();
      if (in_slots >= kCacheSize - 1) [[unlikely]]
        return false;
      slots_[in_slots] = top();
      in_slots_.set(in_slots + 1);
    }
    set_top(next);
    life.set(next.bits());
    puts_.add(1);
    poison(page);
    return true;
  }

  // The same for many: how many of the first went in. It ends at the first that has no room or needs a closer look, and
  // with kOwned at the first of another pool; without, REQUIRES that there is none.
  template <bool kOwned>
  [[nodiscard]] std::size_t try_put(std::span<const Netmem> pages) {
    [[maybe_unused]] const CacheGuard guard = enter();
    std::uint64_t in_slots = in_slots_.mine();
    if (in_slots >= kCacheSize - 2) return 0;
    if (top()) {
      slots_[in_slots++] = top();
      set_top({});
    }
    // One slot stays free: try_put() of a single page does not look for room when there is no top_.
    const std::size_t room = std::min<std::size_t>(pages.size(), kCacheSize - 1 - in_slots);
    const Netmem* const from = pages.data();
    Netmem* const to = slots_ + in_slots;
    std::size_t count = 0;
    while (count < room && ends_life<kOwned>(from[count])) {
      if (count + 1 == room || !ends_life<kOwned>(from[count + 1])) {
        to[count] = from[count].next_generation();
        ++count;
        break;
      }
      store_pair(to + count, load_pair(from + count) + Netmem::kOneGeneration);
      count += 2;
    }
    in_slots_.set(in_slots + count);
    puts_.add(count);
    return count;
  }

  // On the consumer, what try_put() has no room for: how many of the first were put elsewhere. 0: there is room, or the
  // first needs a closer look or is another pool's.
  virtual std::size_t put_aside(std::span<const Netmem> /*pages*/) noexcept { return 0; }

  // The slow way home, from any thread: return ring, or the provider. REQUIRES: each page is this pool's, the caller
  // its sole owner.
  virtual void take_home(std::span<const Netmem> pages) noexcept = 0;

  // The last reference to a transient page, from any thread: to the provider.
  virtual void take_home_transient(Netmem page) noexcept = 0;

  [[nodiscard]] virtual const char* owner_name() const noexcept = 0;

 protected:
  PageOwner() = default;
  virtual ~PageOwner() = default;

  // Ends a life of a page on the consumer: the next handle. Stops the program when the handle is from an earlier life.
  static Netmem send_home(Netmem page) {
    SingleWriter<std::uint64_t>& life = page.life();
    std::uint64_t next = page.next_generation().bits();
    if (life.mine() != page.bits()) [[unlikely]]
      next = next_life(page, life.mine());
    life.set(next);
    poison(page);
    return Netmem::from_bits(next & ~Netmem::kLookBit);
  }

  [[nodiscard]] Netmem top() const { return Netmem::from_bits(top_.mine()); }
  void set_top(Netmem page) { top_.set(page.bits()); }
  [[nodiscard]] std::uint64_t height() const { return in_slots_.mine() + (top() ? 1 : 0); }

  // REQUIRES: consumer, height() < kCacheSize.
  void push(Netmem page) {
    [[maybe_unused]] const CacheGuard guard = enter();
    if (top()) {
      slots_[in_slots_.mine()] = top();
      in_slots_.add(1);
    }
    set_top(page);
    puts_.add(1);
  }

  // Two handles at once: what moving many is bound by is the number of stores.
  using Pair [[gnu::vector_size(16), gnu::aligned(8), gnu::may_alias]] = std::uint64_t;
  static Pair load_pair(const Netmem* from) { return *reinterpret_cast<const Pair*>(from); }
  static void store_pair(Netmem* to, Pair pair) { *reinterpret_cast<Pair*>(to) = pair; }

  // False, and nothing done, when the page does not go home the usual way.
  template <bool kOwned>
  [[nodiscard]] bool ends_life(Netmem page) const {
    if (!begins_next_life<kOwned>(page)) return false;
    poison(page);
    return true;
  }
  template <bool kOwned>
  [[nodiscard]] bool begins_next_life(Netmem page) const {
    SingleWriter<std::uint64_t>& life = page.life();
    if (kOwned && page.descriptor().owner != this) return false;
    if (life.mine() != page.bits()) [[unlikely]]
      return false;
    life.set(page.next_generation().bits());
    return true;
  }

  static void copy_reversed(const Netmem* from, Netmem* to, std::size_t count) {
    std::size_t left = count;
// Few rounds: a loop of 32 is left with a misprediction.
#pragma GCC unroll 4
    for (; left >= 2; left -= 2, to += 2)
      store_pair(to, __builtin_shufflevector(load_pair(from + left - 2), Pair{}, 1, 0));
    if (left != 0) *to = from[0];
  }

  // REQUIRES: consumer. The pages last put, the last one first; how many.
  std::size_t take(std::span<Netmem> out) {
    const CacheGuard guard(occupant_);
    const std::size_t wanted = std::min<std::size_t>(out.size(), height());
    if (wanted == 0) return 0;
    const std::size_t from_top = top() ? 1 : 0;
    if (from_top != 0) {
      out[0] = top();
      set_top({});
    }
    const std::uint64_t left = in_slots_.mine() - (wanted - from_top);
    copy_reversed(slots_ + left, out.data() + from_top, wanted - from_top);
    in_slots_.set(left);
    for (const Netmem page : out.first(wanted)) unpoison(page);
    return wanted;
  }

  // As the consumer, whom a thread took itself for a moment ago.
  [[nodiscard]] CacheGuard enter() {
#ifdef NETMEM_DEBUG
    NETMEM_CHECK(is_consumer(), "pool %s: a page came into the cache on a thread that is not the consumer",
                 owner_name());
#endif
    return CacheGuard(occupant_);
  }

  // Line 0: read by every thread.
  Atomic<ThreadId> consumer_{kNoThread};
  [[no_unique_address]] CacheOccupant occupant_;

  // Line 1 and on: the consumer's.
  alignas(64) SingleWriter<std::uint64_t> in_slots_;
  SingleWriter<std::uint64_t> puts_;
  SingleWriter<std::uint64_t> top_;  // the page put last, until it is taken or another comes: then it moves to a slot
  Netmem slots_[kCacheSize];
};

}  // namespace netmem
