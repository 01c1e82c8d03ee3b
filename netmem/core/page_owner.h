// Where a page goes when its last reference is dropped: the part of a page pool that the core needs to know.
//
// The cache is an array used as a stack. Its height is the difference of two running totals, how often something was
// put on it and how often taken off: the totals are the pool's counters, so counting costs nothing, and each of the two
// hot operations writes one of them. The page put last waits beside the totals, in the same cache line: a program that
// takes and recycles one page at a time touches no slot.
//
// Threads: try_take and try_put belong to the consumer, the one thread whose number is in consumer_. Any thread may
// read the totals, ask is_consumer() and call take_home().
//
// Invariants:
//  1. 0 <= height() <= kCacheSize, where height() is puts_ - gets_.
//  2. slots_[0, height()), with top_ in the place of the last one unless top_ is empty, hold current handles of pages
//     whose refs == 1 and whose owner is this.
//  3. Line 0 is written only when the pool changes hands, line 1 only by the consumer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "netmem/base/thread.h"
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
    page = top_;
    if (page) {
      top_ = {};
    } else {
      const std::uint64_t in_slots = height();
      if (in_slots == 0) [[unlikely]]
        return false;
      page = slots_[in_slots - 1];
    }
    gets_.add(1);
    unpoison(page);
    return true;
  }

  // REQUIRES: consumer, and this is the page's pool. False: there is no room, or the page needs a closer look; it is
  // still the caller's.
  [[nodiscard]] bool try_put(Netmem page) {
    SingleWriter<std::uint64_t>& life = page.life();
    if (life.mine() != page.bits() || (top_ && height() >= kCacheSize)) [[unlikely]]
      return false;
    const Netmem next = page.next_generation();
    life.set(next.bits());
    push(next);
    poison(page);
    return true;
  }

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
    const std::uint64_t next = next_life(page, life.mine());
    life.set(next);
    poison(page);
    return Netmem::from_bits(next & ~Netmem::kLookBit);
  }

  [[nodiscard]] std::uint64_t height() const { return puts_.mine() - gets_.mine(); }

  // REQUIRES: consumer, height() < kCacheSize.
  void push(Netmem page) {
    if (top_) slots_[height() - 1] = top_;
    top_ = page;
    puts_.add(1);
  }

  // Line 0: read by every thread.
  std::atomic<ThreadId> consumer_{kNoThread};

  // Line 1 and on: the consumer's.
  alignas(64) SingleWriter<std::uint64_t> gets_;
  SingleWriter<std::uint64_t> puts_;
  Netmem top_;  // the page put last, until it is taken or another comes: then it moves to the slots
  Netmem slots_[kCacheSize];
};

}  // namespace netmem
