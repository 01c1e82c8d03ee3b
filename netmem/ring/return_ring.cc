#include "netmem/ring/return_ring.h"

#include <algorithm>
#include <bit>
#include <thread>

#include "netmem/base/check.h"

namespace netmem {

ReturnRing::ReturnRing(std::size_t capacity)
    : mask_(capacity - 1),
      shift_(static_cast<unsigned>(std::countr_zero(capacity))),
      slots_(std::make_unique<std::atomic<std::uint64_t>[]>(capacity)) {
  NETMEM_CHECK(std::has_single_bit(capacity), "a ring of %zu slots: not a power of two", capacity);
}

std::uint64_t ReturnRing::room(std::uint64_t head, std::size_t wanted) noexcept {
  // `head` may be stale and `tail_seen_` newer than it; the CAS then fails, so only an overflow here must be harmless.
  std::uint64_t used = head - tail_seen_.load(std::memory_order_acquire);
  if (used + wanted > capacity()) {
    const std::uint64_t tail = published_tail_.load(std::memory_order_acquire);  // partner: pop()
    tail_seen_.store(tail, std::memory_order_release);
    used = head - tail;
  }
  return used > capacity() ? 0 : capacity() - used;
}

std::size_t ReturnRing::push(std::span<const std::uint64_t> values) noexcept {
  std::uint64_t head = head_.load(std::memory_order_relaxed);
  std::size_t count = 0;
  do {
    if ((head & kClosed) != 0) return 0;
    count = std::min<std::size_t>(values.size(), room(head, values.size()));
    if (count == 0) {
      // A stale head can look full; only a head that is still current is believed.
      const std::uint64_t again = head_.load(std::memory_order_relaxed);
      if (again == head) return 0;
      head = again;
      continue;
    }
    if (head_.compare_exchange_weak(head, head + count, std::memory_order_relaxed)) break;
    count = 0;
  } while (true);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t index = head + i;
    slots_[index & mask_].store(values[i] | phase(index), std::memory_order_release);  // partner: pop()
  }
  return count;
}

std::size_t ReturnRing::pop(std::span<std::uint64_t> out) noexcept {
  std::size_t count = 0;
  while (count < out.size()) {
    const std::uint64_t index = tail_ + count;
    const std::uint64_t value = slots_[index & mask_].load(std::memory_order_acquire);  // partner: push()
    // An empty slot of the first lap is 0, a stale one of an earlier lap has the other phase.
    if ((value & kPhaseBit) != phase(index)) break;
    out[count++] = value & ~kPhaseBit;
  }
  if (count != 0) {
    tail_ += count;
    published_tail_.store(tail_, std::memory_order_release);  // partner: room()
  }
  return count;
}

void ReturnRing::close() noexcept { head_.fetch_or(kClosed, std::memory_order_acq_rel); }

std::size_t ReturnRing::drain_closed(std::span<std::uint64_t> out) noexcept {
  NETMEM_CHECK(closed(), "draining a ring that is still open");
  while (tail_ != pushed()) {
    if (const std::size_t count = pop(out); count != 0) return count;
    std::this_thread::yield();
  }
  return 0;
}

std::size_t ReturnRing::size() const noexcept {
  const std::uint64_t tail = published_tail_.load(std::memory_order_acquire);
  const std::uint64_t used = pushed() - tail;
  return used > capacity() ? capacity() : static_cast<std::size_t>(used);
}

}  // namespace netmem
