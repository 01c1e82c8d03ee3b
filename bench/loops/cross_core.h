// The cross-core loops, the same for the pool and for its peers: the consumer takes elements and hands them to other
// threads, which give them back.
//
//   consumer --take(batch)--> Way (a single-producer ring for each producer) --> producer --give_back(batch)--+
//      ^                                                                                                       |
//      +----------------------------- however the subject brings them home -----------------------------------+
//
// A subject is a class with
//   using Element = ...;                                      8 bytes, trivially copyable
//   std::size_t take(std::span<Element> out);                 consumer: how many it got; fewer (0) when none are home
//   Producer producer();                                      on the producer's own thread, once; has
//     void give_back(std::span<const Element> elements);      all of them
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "bench/loops/loop.h"
#include "bench/loops/processors.h"
#include "netmem/base/backoff.h"

namespace netmem::bench {

inline constexpr std::size_t kLargestBatch = 64;
inline constexpr std::size_t kCrossCorePages = 512;  // at most on their way to one producer, whatever the subject

// One thread pushes, one pops; each remembers what it last saw of the other. Also the floor that the subjects are held
// against: nothing that travels between two cores one way can do less.
template <class Element, std::size_t Slots = kCrossCorePages>
class Way {
 public:
  // All of them, or none when there is no room.
  bool push(std::span<const Element> elements) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head + elements.size() - tail_seen_ > slots_.size()) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head + elements.size() - tail_seen_ > slots_.size()) return false;
    }
    for (std::size_t i = 0; i < elements.size(); ++i) slots_[(head + i) % slots_.size()] = elements[i];
    head_.store(head + elements.size(), std::memory_order_release);
    return true;
  }
  std::size_t pop(std::span<Element> out) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (head_seen_ - tail < out.size()) head_seen_ = head_.load(std::memory_order_acquire);
    const std::size_t count = std::min<std::size_t>(out.size(), head_seen_ - tail);
    for (std::size_t i = 0; i < count; ++i) out[i] = slots_[(tail + i) % slots_.size()];
    if (count != 0) tail_.store(tail + count, std::memory_order_release);
    return count;
  }

 private:
  alignas(64) std::atomic<std::uint64_t> head_{0};
  std::uint64_t tail_seen_ = 0;
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_seen_ = 0;
  alignas(64) std::array<Element, Slots> slots_{};
};

template <class Subject>
class CrossCore final : public Loop {
 public:
  using Element = typename Subject::Element;

  CrossCore(std::unique_ptr<Subject> subject, std::size_t batch, std::size_t producers)
      : subject_(std::move(subject)), batch_(batch), ways_(producers) {}

  Sample run(std::uint64_t elements) override {
    std::atomic<std::size_t> ready = 0;
    std::atomic<bool> stop = false;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      threads.emplace_back([&, i] {
        pin(static_cast<unsigned>(i) + 1);
        produce(ways_[i], ready, stop);
      });
    }
    while (ready != ways_.size()) std::this_thread::yield();
    const Sample sample = timed([&] { consume(elements); });
    stop = true;
    return sample;  // the threads give back what they still have
  }

 private:
  void consume(std::uint64_t elements) {
    std::array<Element, kLargestBatch> taken;
    std::size_t next = 0;
    for (std::uint64_t sent = 0; sent < elements;) {
      const std::size_t count = subject_->take(std::span(taken.data(), batch_));
      if (count == 0) {
        give_way();
        continue;
      }
      while (!ways_[next].push(std::span<const Element>(taken.data(), count))) give_way();
      next = next + 1 == ways_.size() ? 0 : next + 1;
      sent += count;
    }
  }

  void produce(Way<Element>& way, std::atomic<std::size_t>& ready, const std::atomic<bool>& stop) {
    auto producer = subject_->producer();
    std::array<Element, kLargestBatch> elements;
    ++ready;
    while (true) {
      const bool last = stop.load(std::memory_order_acquire);
      const std::size_t count = way.pop(std::span(elements.data(), batch_));
      if (count != 0) {
        producer.give_back(std::span<const Element>(elements.data(), count));
      } else if (last) {
        return;
      } else {
        give_way();
      }
    }
  }

  // A thread that waits must not keep taking the cache line that the other one writes; and with more threads than
  // processors, the one that has something to do must get to run.
  void give_way() const {
    if (ways_.size() >= processors().size()) {
      std::this_thread::yield();
    } else {
      relax();
    }
  }

  std::unique_ptr<Subject> subject_;
  std::size_t batch_;
  std::vector<Way<Element>> ways_;
};

template <class Subject>
MadeLoop cross_core_loop(std::unique_ptr<Subject> subject, std::size_t batch, std::size_t producers) {
  return std::make_unique<CrossCore<Subject>>(std::move(subject), batch, producers);
}

}  // namespace netmem::bench
