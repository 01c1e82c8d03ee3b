#include "netmem/ring/return_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "netmem/base/mapping.h"

namespace netmem {
namespace {

std::uint64_t value(std::uint64_t n) { return n << 5; }

TEST(ReturnRing, ValuesComeOutInOrderLapAfterLap) {
  ReturnRing ring(8);
  std::array<std::uint64_t, 8> out;
  std::uint64_t next = 1;
  for (int lap = 0; lap < 100; ++lap) {
    const std::array in = {value(next), value(next + 1), value(next + 2)};
    ASSERT_EQ(ring.push(in), 3u);
    ASSERT_EQ(ring.pop(out), 3u);
    for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(out[i], value(next + i));
    next += 3;
  }
  EXPECT_EQ(ring.pushed(), 300u);
  EXPECT_EQ(ring.pop(out), 0u);
}

TEST(ReturnRing, TakesWhatFitsAndNoMore) {
  ReturnRing ring(4);
  const std::array<std::uint64_t, 6> in = {32, 64, 96, 128, 160, 192};
  std::array<std::uint64_t, 8> out;
  EXPECT_EQ(ring.push(in), 4u);
  EXPECT_EQ(ring.size(), 4u);
  EXPECT_EQ(ring.push(in), 0u);
  ASSERT_EQ(ring.pop(std::span(out.data(), 1)), 1u);
  EXPECT_EQ(out[0], 32u);
  EXPECT_EQ(ring.push(in), 1u);
  EXPECT_EQ(ring.pop(out), 4u);
  EXPECT_EQ(out[3], 32u);
}

TEST(ReturnRing, ARingOfOneSlotWorks) {
  ReturnRing ring(1);
  std::array<std::uint64_t, 2> out;
  for (std::uint64_t n = 1; n < 10; ++n) {
    const std::array in = {value(n)};
    ASSERT_EQ(ring.push(in), 1u);
    ASSERT_EQ(ring.push(in), 0u);
    ASSERT_EQ(ring.pop(out), 1u);
    ASSERT_EQ(out[0], value(n));
  }
}

TEST(ReturnRing, AClosedRingGivesWhatItHoldsAndTakesNothing) {
  ReturnRing ring(4);
  const std::array<std::uint64_t, 2> in = {32, 64};
  std::array<std::uint64_t, 4> out;
  ASSERT_EQ(ring.push(in), 2u);
  ring.close();
  EXPECT_EQ(ring.push(in), 0u);
  EXPECT_EQ(ring.drain_closed(out), 2u);
  EXPECT_EQ(ring.drain_closed(out), 0u);
}

TEST(ReturnRingDeathTest, MisuseIsNamed) {
  ReturnRing ring(4);
  std::array<std::uint64_t, 4> out;
  EXPECT_DEATH(static_cast<void>(ring.drain_closed(out)), "draining a ring that is still open");
  EXPECT_DEATH(ReturnRing(3), "a ring of 3 slots: not a power of two");
}

// Each producer's values arrive once, and in its order, whatever the batch size.
TEST(ReturnRingStress, ManyProducersLoseAndRepeatNothing) {
  constexpr std::uint64_t kProducers = 3;
  constexpr std::uint64_t kEach = 60'000;
  ReturnRing ring(256);
  std::vector<std::thread> producers;
  for (std::uint64_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&ring, p] {
      std::array<std::uint64_t, 64> batch;
      std::uint64_t next = 0;
      while (next < kEach) {
        const std::size_t count = std::min<std::uint64_t>(1 + next % 64, kEach - next);
        for (std::size_t i = 0; i < count; ++i) batch[i] = value((p << 32) + next + i + 1);
        std::span<const std::uint64_t> rest(batch.data(), count);
        while (!rest.empty()) {
          const std::size_t pushed = ring.push(rest);
          rest = rest.subspan(pushed);
          if (pushed == 0) std::this_thread::yield();
        }
        next += count;
      }
    });
  }
  std::array<std::uint64_t, kProducers> seen{};
  std::array<std::uint64_t, 64> out;
  for (std::uint64_t total = 0; total < kProducers * kEach;) {
    const std::size_t count = ring.pop(out);
    if (count == 0) std::this_thread::yield();
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t v = out[i] >> 5;
      ASSERT_EQ((v & 0xffff'ffff), ++seen.at(v >> 32));
    }
    total += count;
  }
  for (auto& producer : producers) producer.join();
  EXPECT_EQ(ring.size(), 0u);
}

// The batch takes half a millisecond to store, so that in most rounds the ring closes in the middle of it. Its memory
// has not been touched: the producer is held up at each page of it, and the consumer catches up.
TEST(ReturnRingStress, WhatIsBeingPushedWhenTheRingClosesIsDrained) {
  constexpr std::size_t kValues = 1 << 19;
  std::vector<std::uint64_t> out(4096);
  for (int round = 0; round < 20; ++round) {
    const Mapping zeros = Mapping::anonymous(kValues * sizeof(std::uint64_t)).value();
    static_cast<void>(::madvise(zeros.data(), zeros.size(), MADV_NOHUGEPAGE));  // EINVAL: the kernel has none anyway
    const std::span batch(reinterpret_cast<const std::uint64_t*>(zeros.data()), kValues);
    ReturnRing ring(kValues);
    std::jthread producer([&] { ring.push(batch); });
    while (ring.pushed() == 0) std::this_thread::yield();
    ring.close();
    std::size_t drained = 0;
    while (const std::size_t count = ring.drain_closed(out)) drained += count;
    ASSERT_EQ(drained, kValues);
  }
}

}  // namespace
}  // namespace netmem
