// What the pool would cost without what makes it safe: no lives, no references, no owner, only the cache and the ring.
// The difference to netmem's own figures is the price of its checks; nobody can use this.

#include <array>
#include <memory>
#include <numeric>
#include <utility>

#include "bench/loops/cross_core.h"
#include "bench/loops/loops.h"
#include "netmem/base/units.h"
#include "netmem/core/page_owner.h"
#include "netmem/providers/host/host.h"
#include "netmem/ring/return_ring.h"

namespace netmem::bench {
namespace {

// The pool's own cache, by the pool's own stores.
class UncheckedCache final : public PageOwner {
 public:
  // `memory` has at least kCacheRefill pages.
  explicit UncheckedCache(std::shared_ptr<MemoryProvider> memory) : memory_(std::move(memory)) {
    in_slots_.set(memory_->grant(std::span(slots_, kCacheRefill)));
  }

  std::size_t take_many(std::span<Netmem> out) { return take(out); }
  void put_many(std::span<const Netmem> pages) {
    const std::uint64_t in_slots = in_slots_.mine();
#pragma GCC unroll 4
    for (std::size_t i = 0; i < pages.size(); i += 2) store_pair(slots_ + in_slots + i, load_pair(pages.data() + i));
    in_slots_.set(in_slots + pages.size());
    puts_.add(pages.size());
  }

  void take_home(std::span<const Netmem>) noexcept override {}
  void take_home_transient(Netmem) noexcept override {}
  [[nodiscard]] const char* owner_name() const noexcept override { return "unchecked"; }

 private:
  std::shared_ptr<MemoryProvider> memory_;
};

[[gnu::noinline]] void bulk_64(UncheckedCache& cache, std::uint64_t elements) {
  std::array<Netmem, 64> pages;
  for (std::uint64_t done = 0; done < elements; done += pages.size()) {
    const std::size_t count = cache.take_many(pages);
    Netmem* taken = pages.data();
    touch(taken);
    cache.put_many(std::span<const Netmem>(taken, count));
  }
}

// Handles through the return ring and back, and nothing else.
class RingAlone {
 public:
  using Element = std::uint64_t;
  class Producer {
   public:
    explicit Producer(ReturnRing& ring) : ring_(ring) {}
    void give_back(std::span<const Element> elements) { ring_.push(elements); }

   private:
    ReturnRing& ring_;
  };

  RingAlone() {
    std::array<Element, kCrossCorePages> all;
    std::iota(all.begin(), all.end(), Element{1});
    for (Element& element : all) element *= sizeof(Descriptor);
    ring_.push(all);
  }
  std::size_t take(std::span<Element> out) { return ring_.pop(out); }
  Producer producer() { return Producer(ring_); }

 private:
  ReturnRing ring_{2 * kCrossCorePages};
};

constexpr const char* kSubject = "pool without its checks";

LoopSpec on_cache() {
  return {.name = "bulk_64/unchecked",
          .group = "bulk_64",
          .subject = kSubject,
          .element = "taken from the pool's cache and put back, with no look at the page",
          .batch = 64,
          .make = []() -> MadeLoop {
            auto memory = make_host_provider({.size = kCacheRefill * 4 * KiB});
            if (!memory) return std::unexpected(memory.error());
            return simple_loop([cache = std::make_shared<UncheckedCache>(std::move(*memory))](std::uint64_t elements) {
              bulk_64(*cache, elements);
            });
          }};
}

LoopSpec on_ring(std::size_t batch) {
  const std::string group = "cross_core_" + std::to_string(batch);
  return {.name = group + "/unchecked",
          .group = group,
          .subject = kSubject,
          .element = "handed over and returned through the return ring, with no look at the page",
          .batch = batch,
          .producers = 1,
          .make = [batch] { return cross_core_loop(std::make_unique<RingAlone>(), batch, 1); }};
}

}  // namespace

LoopList unchecked_loops() { return {on_cache(), on_ring(64)}; }

}  // namespace netmem::bench
