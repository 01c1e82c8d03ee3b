#include "tools/bench_loops.h"

#include <array>
#include <atomic>

namespace netmem::tool {
namespace {

// The compiler must believe that the value changes and that memory is looked at here, and do nothing for it.
template <class T>
[[gnu::always_inline]] inline void touch(T& value) {
  asm volatile("" : "+r"(value) : : "memory");
}

// The floor: a stack of handles in memory, as checked as the pool's.
class ArrayStack {
 public:
  bool try_push(std::uint64_t value) {
    if (height_ == kCacheSize) [[unlikely]]
      return false;
    values_[height_++] = value;
    return true;
  }
  std::uint64_t try_pop() {
    if (height_ == 0) [[unlikely]]
      return 0;
    return values_[--height_];
  }

 private:
  std::uint64_t height_ = 0;
  std::array<std::uint64_t, kCacheSize> values_{};
};

[[gnu::noinline]] void for_loop(PagePool*, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) touch(i);
}

[[gnu::noinline]] void atomic_inc(PagePool*, std::uint64_t elements) {
  std::atomic<std::uint64_t> counter = 0;
  for (std::uint64_t i = 0; i < elements; ++i) counter.fetch_add(1, std::memory_order_seq_cst);
}

// An uncontended spin lock, taken and given back.
[[gnu::noinline]] void lock(PagePool*, std::uint64_t elements) {
  std::atomic<std::uint32_t> word = 0;
  for (std::uint64_t i = 0; i < elements; ++i) {
    while (word.exchange(1, std::memory_order_acquire) != 0) {
    }
    touch(i);
    word.store(0, std::memory_order_release);
  }
}

[[gnu::noinline]] void array(PagePool*, std::uint64_t elements) {
  ArrayStack stack;
  for (std::uint64_t i = 0; i < 64; ++i) stack.try_push(i + 1);
  ArrayStack* place = &stack;
  touch(place);
  for (std::uint64_t i = 0; i < elements; ++i) {
    std::uint64_t value = place->try_pop();
    touch(value);
    place->try_push(value);
  }
}

[[gnu::noinline]] void page_pool01_fast_path(PagePool* pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool->try_alloc();
    touch(page);
    pool->recycle(page);
  }
}

[[gnu::noinline]] void page_pool02_ptr_ring(PagePool* pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool->try_alloc();
    touch(page);
    pool->recycle_to_ring(page);
  }
}

[[gnu::noinline]] void page_pool03_slow(PagePool* pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool->try_alloc();
    touch(page);
    pool->release(page);
  }
}

constexpr std::array kLoops = {
    BenchLoop{"for_loop", "an empty loop", false, for_loop},
    BenchLoop{"atomic_inc", "an atomic increment", false, atomic_inc},
    BenchLoop{"lock", "an uncontended spin lock, taken and given back", false, lock},
    BenchLoop{"array", "a pop and a push of a bare array", false, array},
    BenchLoop{"page_pool01_fast_path", "alloc and recycle on the consumer", true, page_pool01_fast_path},
    BenchLoop{"page_pool02_ptr_ring", "alloc, and back through the return ring", true, page_pool02_ptr_ring},
    BenchLoop{"page_pool03_slow", "alloc, and back to the provider", true, page_pool03_slow},
};

}  // namespace

std::span<const BenchLoop> bench_loops() { return kLoops; }

}  // namespace netmem::tool
