#include "netmem/ring/return_ring.h"

#include <algorithm>
#include <bit>

#include "netmem/base/backoff.h"
#include "netmem/base/check.h"

namespace netmem {

ReturnRing::ReturnRing(std::size_t capacity)
    : mask_(capacity - 1),
      shift_(static_cast<unsigned>(std::countr_zero(capacity))),
      slots_(std::make_unique<Atomic<std::uint64_t>[]>(capacity)) {
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
  store(head, values.first(count));
  return count;
}

// Lap by lap, so that the phase is the same for all of a run.
void ReturnRing::store(std::uint64_t index, std::span<const std::uint64_t> values) noexcept {
  while (!values.empty()) {
    Atomic<std::uint64_t>* const to = &slots_[index & mask_];
    const std::size_t run = std::min<std::size_t>(values.size(), capacity() - (index & mask_));
    const std::uint64_t bit = phase(index);
    for (std::size_t i = 0; i < run; ++i)
      to[i].store(values[i] | bit, std::memory_order_release);  // partner: pop_run()
    index += run;
    values = values.subspan(run);
  }
}

std::size_t ReturnRing::pop(std::span<std::uint64_t> out) noexcept {
  std::uint64_t* to = out.data();
  return pop_each(out.size(), [&](std::uint64_t value) { *to++ = value; });
}

void ReturnRing::close() noexcept { head_.fetch_or(kClosed, std::memory_order_acq_rel); }

std::size_t ReturnRing::drain_closed(std::span<std::uint64_t> out) noexcept {
  NETMEM_CHECK(closed(), "draining a ring that is still open");
  Backoff backoff;
  while (tail_ != pushed()) {
    if (const std::size_t count = pop(out); count != 0) return count;
    backoff.pause();
  }
  return 0;
}

std::size_t ReturnRing::size() const noexcept {
  const std::uint64_t tail = published_tail_.load(std::memory_order_acquire);
  const std::uint64_t used = pushed() - tail;
  return used > capacity() ? capacity() : static_cast<std::size_t>(used);
}

}  // namespace netmem
