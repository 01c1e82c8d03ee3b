// A bounded ring of 64-bit values: any thread pushes, one thread pops. No locks, no per-value atomics.
//
//   producers                          consumer
//   head_  --CAS once per batch-->     tail_
//   slot   --store, with the lap's-->  slot  load; the phase says whether this lap's value has arrived
//            phase in bit 1            published_tail_ stored once per batch
//
// Threads: push, close, pushed, size, empty: any. pop, drain_closed: one thread at a time.
// Invariants:
//  1. head_ - tail_ <= capacity.
//  2. Slot i holds a value of lap i / capacity as soon as its phase bit equals phase(i); the consumer never writes
//  slots,
//     so a slot's cache line travels one way.
//  3. After close() no push succeeds, and the values pushed before it are exactly those below head_.
// A producer that is preempted between reserving and storing hides the values behind its own for that time: pop() then
// returns fewer values than size() says, never wrong ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "netmem/base/atomic.h"
#include "netmem/base/export.h"

namespace netmem {

class NETMEM_EXPORT ReturnRing {
 public:
  // Bit of every value that the ring uses for itself; values must have it clear and come back with it clear.
  static constexpr std::uint64_t kPhaseBit = 2;

  // `capacity`: a power of two, at least 1.
  explicit ReturnRing(std::size_t capacity);

  // How many of `values` went in: all of them, or as many as there was room for. 0 when closed.
  std::size_t push(std::span<const std::uint64_t> values) noexcept;

  // Up to out.size() values, oldest first; how many.
  std::size_t pop(std::span<std::uint64_t> out) noexcept;

  // The same, with take(value) for each.
  template <class Take>
  std::size_t pop_each(std::size_t most, Take&& take) noexcept {
    std::size_t count = 0;
    while (count < most) {
      const std::uint64_t first = tail_ + count;
      const std::size_t run = std::min<std::size_t>(most - count, capacity() - (first & mask_));
      const std::size_t taken = pop_run(&slots_[first & mask_], run, phase(first), take);
      count += taken;
      if (taken != run) break;
    }
    if (count != 0) {
      tail_ += count;
      published_tail_.store(tail_, std::memory_order_release);  // partner: room()
    }
    return count;
  }

  // Refuses every later push. Any thread, once.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept { return (head_.load(std::memory_order_relaxed) & kClosed) != 0; }

  // REQUIRES: closed. Like pop(), but waits for producers that are between reserving and storing; 0 means empty for
  // good.
  std::size_t drain_closed(std::span<std::uint64_t> out) noexcept;

  // Values ever pushed / now inside (a moment's view).
  [[nodiscard]] std::uint64_t pushed() const noexcept { return head_.load(std::memory_order_relaxed) & ~kClosed; }
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

 private:
  static constexpr std::uint64_t kClosed = std::uint64_t{1} << 63;

  [[nodiscard]] std::uint64_t phase(std::uint64_t index) const noexcept {
    return ((index >> shift_) & 1) != 0 ? 0 : kPhaseBit;
  }
  // Within one lap, whose phase is `bit`.
  template <class Take>
  static std::size_t pop_run(const Atomic<std::uint64_t>* slots, std::size_t most, std::uint64_t bit, Take&& take) {
    std::size_t count = 0;
    for (; count < most; ++count) {
      const std::uint64_t value = slots[count].load(std::memory_order_acquire) ^ bit;  // partner: store()
      // An empty slot of the first lap is 0, a stale one of an earlier lap has the other phase.
      if ((value & kPhaseBit) != 0) break;
      take(value);
    }
    return count;
  }
  // Into slots that are this producer's, from `index` on.
  void store(std::uint64_t index, std::span<const std::uint64_t> values) noexcept;
  // Room seen by producers after `head`; asks the consumer's side only when `wanted` does not seem to fit.
  std::uint64_t room(std::uint64_t head, std::size_t wanted) noexcept;

  // Read by all, written at construction.
  std::size_t mask_;
  unsigned shift_;
  std::unique_ptr<Atomic<std::uint64_t>[]> slots_;

  // Written by producers.
  alignas(64) Atomic<std::uint64_t> head_{0};
  Atomic<std::uint64_t> tail_seen_{0};  // partner: published_tail_

  // Written by the consumer.
  alignas(64) Plain<std::uint64_t> tail_ = 0;
  Atomic<std::uint64_t> published_tail_{0};
};

}  // namespace netmem
