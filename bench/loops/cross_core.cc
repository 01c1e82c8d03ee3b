// Pages that other threads give back: to the pool, and to the floor, a stack that the consumer alone touches and a ring
// from each producer.

#include "bench/loops/cross_core.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "bench/loops/loops.h"
#include "bench/loops/memory.h"
#include "netmem/base/units.h"
#include "netmem/core/reference.h"

namespace netmem::bench {
namespace {

constexpr std::size_t kMostProducers = 4;

constexpr std::uint64_t pages_for(std::uint64_t producers) { return kCrossCorePages * producers; }

class PoolSubject {
 public:
  using Element = Netmem;
  struct Producer {
    void give_back(std::span<const Netmem> pages) {
      if (pages.size() == 1) {
        drop(pages.front());
      } else {
        drop(pages);
      }
    }
  };

  explicit PoolSubject(PagePoolPtr pool) : pool_(std::move(pool)) {}
  std::size_t take(std::span<Netmem> out) {
    if (out.size() != 1) return pool_->try_alloc(out);
    out.front() = pool_->try_alloc();
    return out.front() ? 1 : 0;
  }
  Producer producer() { return {}; }

 private:
  PagePoolPtr pool_;
};

// REQUIRES: producers * kCrossCorePages <= Slots, so that a way home has room for all that there is.
template <std::size_t Slots>
class BareRing {
 public:
  using Element = std::uint64_t;
  using Home = Way<Element, Slots>;
  class Producer {
   public:
    explicit Producer(Home& home) : home_(home) {}
    void give_back(std::span<const Element> elements) {
      NETMEM_CHECK(home_.push(elements), "no room on the way home for %zu elements", elements.size());
    }

   private:
    Home& home_;
  };

  explicit BareRing(std::size_t producers) : homes_(producers), stack_(kCrossCorePages * producers) {
    for (std::size_t i = 0; i < stack_.size(); ++i) stack_[i] = i + 1;
    height_ = stack_.size();
  }
  std::size_t take(std::span<Element> out) {
    if (height_ < out.size()) refill();
    const std::size_t count = std::min(out.size(), height_);
    height_ -= count;
    std::memcpy(out.data(), stack_.data() + height_, count * sizeof(Element));
    return count;
  }
  Producer producer() { return Producer(homes_[next_.fetch_add(1) % homes_.size()]); }

 private:
  void refill() {
    for (Home& home : homes_) height_ += home.pop(std::span(stack_).subspan(height_));
  }

  std::vector<Home> homes_;
  std::vector<Element> stack_;
  std::size_t height_ = 0;
  std::atomic<std::size_t> next_ = 0;
};

struct Shape {
  std::size_t batch;
  std::size_t producers;
};

std::string group_of(Shape shape) {
  const std::string group = "cross_core_" + std::to_string(shape.batch);
  return shape.producers == 1 ? group : group + "_from_" + std::to_string(shape.producers);
}

LoopSpec describe(Shape shape, const std::string& name, std::string who) {
  const std::string group = group_of(shape);
  std::string element = shape.batch == 1 ? "taken one at a time, and dropped by another thread"
                                         : "taken " + std::to_string(shape.batch) + " at once, and dropped so by ";
  if (shape.batch != 1)
    element += shape.producers == 1 ? "another thread" : std::to_string(shape.producers) + " other threads in turn";
  return {.name = group + "/" + name,
          .group = group,
          .subject = std::move(who),
          .element = element,
          .batch = shape.batch,
          .producers = shape.producers,
          .make = {}};
}

LoopSpec pool_loop(const std::shared_ptr<Memories>& memories, Shape shape, MemoryKind kind) {
  LoopSpec spec = describe(shape, std::string(slug(kind)), std::string(subject(kind)));
  spec.pages = pages_for(shape.producers);
  spec.page_size = 4 * KiB;
  spec.make = [memories, shape, kind]() -> MadeLoop {
    auto pool = memories->make_pool(kind, pages_for(shape.producers), 4 * KiB);
    if (!pool) return std::unexpected(pool.error());
    return cross_core_loop(std::make_unique<PoolSubject>(std::move(*pool)), shape.batch, shape.producers);
  };
  return spec;
}

LoopSpec bare_ring(Shape shape) {
  LoopSpec spec = describe(shape, "ring", "bare single-producer ring");
  spec.make = [shape] {
    using One = BareRing<kCrossCorePages>;
    using Several = BareRing<kMostProducers * kCrossCorePages>;
    if (shape.producers == 1) return cross_core_loop(std::make_unique<One>(1), shape.batch, 1);
    return cross_core_loop(std::make_unique<Several>(shape.producers), shape.batch, shape.producers);
  };
  return spec;
}

}  // namespace

LoopList cross_core_loops() {
  const auto memories = std::make_shared<Memories>();
  LoopList all;
  for (const Shape shape : {Shape{1, 1}, {8, 1}, {32, 1}, {64, 1}, {64, 2}, {64, kMostProducers}}) {
    for (const MemoryKind kind : kCommonKinds) all.push_back(pool_loop(memories, shape, kind));
    all.push_back(bare_ring(shape));
  }
  return all;
}

}  // namespace netmem::bench
