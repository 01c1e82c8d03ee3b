#include "tools/pacer.h"

#include <gtest/gtest.h>

namespace netmem::tool {
namespace {

using namespace std::chrono_literals;
using Time = Pacer::Clock::time_point;

constexpr Time kStart{1h};

TEST(Pacer, WithoutARateEverythingMayGoAtOnce) {
  Pacer pacer(0, kStart);
  EXPECT_EQ(pacer.allowed(kStart, 64), 64U);
  pacer.sent(64);
  EXPECT_EQ(pacer.allowed(kStart, 64), 64U);
}

TEST(Pacer, TheFirstMayGoAtOnceAndTheNextWhenItIsDue) {
  Pacer pacer(10, kStart);
  EXPECT_EQ(pacer.allowed(kStart, 64), 1U);
  pacer.sent(1);
  EXPECT_EQ(pacer.allowed(kStart, 64), 0U);
  EXPECT_EQ(pacer.next(kStart), kStart + 100ms);
  EXPECT_EQ(pacer.allowed(kStart + 100ms - 1ns, 64), 0U);
  EXPECT_EQ(pacer.allowed(kStart + 100ms, 64), 1U);
}

TEST(Pacer, AsksToBeWokenExactlyWhenOneIsDueAtOddRates) {
  for (const std::uint64_t rate : {3U, 7U, 997U, 9001U}) {
    Pacer pacer(rate, kStart);
    Time now = kStart;
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(pacer.allowed(now, 64), 1U) << rate << " " << i;
      pacer.sent(1);
      now = pacer.next(now);
    }
  }
}

// Wake-ups come as late as they like: what was due meanwhile goes then.
TEST(Pacer, HoldsTheRateWhenWakeUpsAreLate) {
  Pacer pacer(10'000, kStart);
  std::uint64_t sent = 0;
  for (Time now = kStart; now < kStart + 1s; now += 7777us) {
    while (const std::size_t count = pacer.allowed(now, 64)) {
      pacer.sent(count);
      sent += count;
    }
  }
  EXPECT_NEAR(static_cast<double>(sent), 10'000, 78);
}

TEST(Pacer, WaitsForABurstWhereSingleDatagramsAreTooOften) {
  Pacer pacer(1'000'000, kStart);
  pacer.sent(pacer.allowed(kStart, 64));
  EXPECT_EQ(pacer.next(kStart), kStart + Pacer::kShortestWait);
  EXPECT_EQ(pacer.allowed(kStart + Pacer::kShortestWait, 1000), 100U);
}

TEST(Pacer, MakesGoodOnlyALittleOfALongPause) {
  Pacer pacer(1000, kStart);
  pacer.sent(pacer.allowed(kStart, 1));
  EXPECT_EQ(pacer.allowed(kStart + 1h, 1'000'000), 101U);
  pacer.sent(101);
  EXPECT_EQ(pacer.allowed(kStart + 1h, 64), 0U);
  EXPECT_EQ(pacer.next(kStart + 1h), kStart + 1h + 1ms);
}

TEST(Pacer, KeepsAHighRateForADayWithoutOverflow) {
  Pacer pacer(Pacer::kMostRate, kStart);
  EXPECT_EQ(pacer.allowed(kStart + 24h, 64), 64U);
  pacer.sent(64);
  EXPECT_EQ(pacer.allowed(kStart + 24h, 64), 64U);
}

}  // namespace
}  // namespace netmem::tool
