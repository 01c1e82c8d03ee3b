// The kernel benchmark's baselines (tools/testing/selftests/net/bench/page_pool of Linux 6.16), and the floor: a stack
// of handles in memory, as checked as the pool's cache.

#include <array>
#include <atomic>
#include <cstring>

#include "bench/loops/loops.h"
#include "bench/loops/memory.h"
#include "netmem/core/page_owner.h"

namespace netmem::bench {
namespace {

[[gnu::noinline]] void for_loop(std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) touch(i);
}

[[gnu::noinline]] void atomic_inc(std::uint64_t elements) {
  std::atomic<std::uint64_t> counter = 0;
  for (std::uint64_t i = 0; i < elements; ++i) counter.fetch_add(1, std::memory_order_seq_cst);
}

// An uncontended spin lock, taken and given back.
[[gnu::noinline]] void lock(std::uint64_t elements) {
  std::atomic<std::uint32_t> word = 0;
  for (std::uint64_t i = 0; i < elements; ++i) {
    while (word.exchange(1, std::memory_order_acquire) != 0) {
    }
    touch(i);
    word.store(0, std::memory_order_release);
  }
}

// g++ makes of a memcpy of a known, larger size a `rep movs`, which takes longer than a call of the real one.
inline void copy(std::uint64_t* to, const std::uint64_t* from, std::size_t count) {
  if (count > 16) touch(count);
  std::memcpy(to, from, count * sizeof(std::uint64_t));
}

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
  bool try_push(std::span<const std::uint64_t> values) {
    if (height_ + values.size() > kCacheSize) [[unlikely]]
      return false;
    copy(values_.data() + height_, values.data(), values.size());
    height_ += values.size();
    return true;
  }
  bool try_pop(std::span<std::uint64_t> out) {
    if (height_ < out.size()) [[unlikely]]
      return false;
    height_ -= out.size();
    copy(out.data(), values_.data() + height_, out.size());
    return true;
  }

 private:
  std::uint64_t height_ = 0;
  std::array<std::uint64_t, kCacheSize> values_{};
};

constexpr std::uint64_t kHeight = 64;

void fill(ArrayStack& stack) {
  for (std::uint64_t i = 0; i < kHeight; ++i) stack.try_push(i + 1);
}

[[gnu::noinline]] void array_single(std::uint64_t elements) {
  ArrayStack stack;
  fill(stack);
  ArrayStack* place = &stack;
  touch(place);
  for (std::uint64_t i = 0; i < elements; ++i) {
    std::uint64_t value = place->try_pop();
    touch(value);
    place->try_push(value);
  }
}

[[gnu::noinline]] void array_burst(std::uint64_t elements) {
  ArrayStack stack;
  fill(stack);
  ArrayStack* place = &stack;
  touch(place);
  std::array<std::uint64_t, kHeight> taken;
  for (std::uint64_t done = 0; done < elements; done += kHeight) {
    for (std::uint64_t& value : taken) value = place->try_pop();
    std::uint64_t* values = taken.data();
    touch(values);
    for (const std::uint64_t value : taken) place->try_push(value);
  }
}

template <std::size_t Batch>
[[gnu::noinline]] void array_bulk(std::uint64_t elements) {
  ArrayStack stack;
  fill(stack);
  ArrayStack* place = &stack;
  touch(place);
  std::array<std::uint64_t, Batch> taken;
  for (std::uint64_t done = 0; done < elements; done += Batch) {
    place->try_pop(taken);
    std::uint64_t* values = taken.data();
    touch(values);
    place->try_push(std::span<const std::uint64_t>(taken));
  }
}

// A program that holds `held` values: pushes its 64 oldest, and pops 64 again. How much of a large pool's cost is the
// program's own walk through its handles.
class ArrayOfMany final : public Loop {
 public:
  explicit ArrayOfMany(std::uint64_t held) : held_(held) {
    for (std::uint64_t i = 0; i < held; ++i) held_[i] = i + 1;
  }
  Sample run(std::uint64_t elements) override {
    return timed([&] { next_ = turn(stack_, held_, next_, elements); });
  }

 private:
  [[gnu::noinline]] static std::size_t turn(ArrayStack& stack, std::span<std::uint64_t> held, std::size_t next,
                                            std::uint64_t elements) {
    for (std::uint64_t done = 0; done < elements; done += kHeight) {
      const std::span<std::uint64_t> oldest = held.subspan(next, kHeight);
      for (const std::uint64_t value : oldest) stack.try_push(value);
      std::uint64_t* values = oldest.data();
      touch(values);
      for (std::uint64_t& value : oldest) value = stack.try_pop();
      next = next + kHeight == held.size() ? 0 : next + kHeight;
    }
    return next;
  }

  ArrayStack stack_;
  std::vector<std::uint64_t> held_;
  std::size_t next_ = 0;
};

LoopSpec baseline(const char* name, const char* element, void (*body)(std::uint64_t)) {
  return {.name = name, .group = "baseline", .subject = "baseline", .element = element, .make = [body] {
            return simple_loop(body);
          }};
}

LoopSpec floor(const std::string& group, const char* element, std::uint64_t batch, void (*body)(std::uint64_t)) {
  return {.name = group + "/array",
          .group = group,
          .subject = "bare array",
          .element = element,
          .batch = batch,
          .make = [body] { return simple_loop(body); }};
}

LoopSpec floor_of(std::uint64_t held) {
  LoopSpec spec =
      floor("pool_of_" + short_number(held),
            "pushed one by one, the 64 oldest of a program that holds them all, and popped again", kHeight, nullptr);
  spec.pages = held;
  spec.make = [held]() -> MadeLoop { return std::make_unique<ArrayOfMany>(held); };
  return spec;
}

}  // namespace

LoopList baseline_loops() {
  constexpr const char* kBulk = "popped and pushed with its whole batch, by memcpy";
  LoopList all = {
      baseline("for_loop", "an empty loop", for_loop),
      baseline("atomic_inc", "an atomic increment", atomic_inc),
      baseline("lock", "an uncontended spin lock, taken and given back", lock),
      floor("page_pool01_fast_path", "popped from an array in memory and pushed again", 1, array_single),
      floor("burst_64", "64 popped one by one, then pushed one by one", kHeight, array_burst),
      floor("bulk_8", kBulk, 8, array_bulk<8>),
      floor("bulk_32", kBulk, 32, array_bulk<32>),
      floor("bulk_64", kBulk, 64, array_bulk<64>),
  };
  for (const std::uint64_t held : kPoolSizes) all.push_back(floor_of(held));
  return all;
}

}  // namespace netmem::bench
