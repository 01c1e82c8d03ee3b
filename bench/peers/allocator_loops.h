// The loops of general-purpose allocators: 4096 bytes, the pool's smallest page, allocated and freed. Nobody writes to
// them, as nobody writes to the pool's pages.
//
// An allocator is a class with
//   void* allocate();           kAllocatorSize bytes; does not fail
//   void release(void* bytes);
// which are inlined into the loops.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "bench/loops/cross_core.h"
#include "bench/loops/loop.h"

namespace netmem::bench {

inline constexpr std::size_t kAllocatorSize = 4096;
inline constexpr std::size_t kAllocatorBatch = 64;

template <class Allocator>
[[gnu::noinline]] void allocate_and_release(Allocator& allocator, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    void* bytes = allocator.allocate();
    touch(bytes);
    allocator.release(bytes);
  }
}

// For the bulk loops too: no allocator here has a call for many.
template <class Allocator>
[[gnu::noinline]] void allocate_and_release_bursts(Allocator& allocator, std::uint64_t elements) {
  std::array<void*, kAllocatorBatch> burst;
  for (std::uint64_t done = 0; done < elements; done += burst.size()) {
    for (void*& bytes : burst) bytes = allocator.allocate();
    void** all = burst.data();
    touch(all);
    for (void* bytes : burst) allocator.release(bytes);
  }
}

// See cross_core.h. Allocation never comes back empty: the way to the producer bounds how far the consumer is ahead.
template <class Allocator>
class AllocatorSubject {
 public:
  using Element = void*;

  std::size_t take(std::span<Element> out) {
    for (Element& bytes : out) bytes = allocator_.allocate();
    return out.size();
  }

  class Producer {
   public:
    explicit Producer(Allocator& allocator) : allocator_(&allocator) {}
    void give_back(std::span<const Element> elements) {
      for (Element bytes : elements) allocator_->release(bytes);
    }

   private:
    Allocator* allocator_;
  };
  Producer producer() { return Producer(allocator_); }

 private:
  Allocator allocator_;
};

// The loops of one allocator, as `slug` in names and `subject` for people. `how` is the calls and the version.
struct AllocatorName {
  std::string slug;     // "mimalloc"
  std::string subject;  // "mimalloc"
  std::string how;      // "mi_malloc and mi_free of 4096 bytes (mimalloc 2.0.9)"
};

inline LoopSpec allocator_loop(const AllocatorName& name, const std::string& group, const std::string& how_many,
                               std::uint64_t batch, std::function<MadeLoop()> make) {
  return {.name = group + "/" + name.slug,
          .group = group,
          .subject = name.subject,
          .element = name.how + how_many,
          .batch = batch,
          .page_size = kAllocatorSize,
          .make = std::move(make)};
}

// On one thread.
template <class Allocator>
void add_allocator_loops(LoopList& loops, const AllocatorName& name) {
  const auto singles = [] {
    return simple_loop([allocator = std::make_shared<Allocator>()](std::uint64_t elements) {
      allocate_and_release(*allocator, elements);
    });
  };
  const auto bursts = [] {
    return simple_loop([allocator = std::make_shared<Allocator>()](std::uint64_t elements) {
      allocate_and_release_bursts(*allocator, elements);
    });
  };
  loops.push_back(allocator_loop(name, "page_pool01_fast_path", "", 1, singles));
  loops.push_back(allocator_loop(name, "burst_64", ", 64 and 64", 64, bursts));
  loops.push_back(allocator_loop(name, "bulk_64", ", 64 and 64: it has no bulk", 64, bursts));
}

// For allocators whose memory may be freed on another thread.
template <class Allocator>
void add_cross_core_allocator_loops(LoopList& loops, const AllocatorName& name) {
  LoopSpec loop = allocator_loop(name, "cross_core_64", ", 64 and 64, freed by another thread", 64, [] {
    return cross_core_loop(std::make_unique<AllocatorSubject<Allocator>>(), 64, 1);
  });
  loop.producers = 1;
  loops.push_back(std::move(loop));
}

}  // namespace netmem::bench
