#include "netmem/ports/coalescing.h"

#include <gtest/gtest.h>

namespace netmem {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kStart = 1h;
constexpr std::uint64_t kPosted = 2048;

// Finds `frames` and waits, each time `apart` later, through a window and the first wait behind it: the last pause.
nanoseconds pause_after(Coalescing& coalescing, std::uint64_t frames, nanoseconds apart, nanoseconds from = kStart,
                        std::uint64_t posted = kPosted) {
  nanoseconds pause{0};
  for (nanoseconds now = from; now <= from + Coalescing::kWindow + apart; now += apart) {
    coalescing.found(frames);
    pause = coalescing.pause(now, posted);
  }
  return pause;
}

TEST(Coalescing, PausesWhileFramesComeFast) {
  Coalescing coalescing(200us);
  EXPECT_EQ(pause_after(coalescing, 64, 16us), 200us);  // 4 million in a second
}

TEST(Coalescing, DoesNotPauseWhileFramesComeSlowly) {
  Coalescing coalescing(200us);
  EXPECT_EQ(pause_after(coalescing, 1, 10us), 0us);
  EXPECT_EQ(pause_after(coalescing, 64, 64us + 1us, kStart + 1s), 0us);
}

TEST(Coalescing, DoesNotPauseBeforeItKnowsTheRate) {
  Coalescing coalescing(200us);
  coalescing.found(2000);
  EXPECT_EQ(coalescing.pause(kStart, kPosted), 0us);
  coalescing.found(2000);
  EXPECT_EQ(coalescing.pause(kStart + 999us, kPosted), 0us);
  coalescing.found(1);
  EXPECT_EQ(coalescing.pause(kStart + 1ms, kPosted), 200us);
}

TEST(Coalescing, StopsInTheWindowAfterTheRateFell) {
  Coalescing coalescing(200us);
  ASSERT_EQ(pause_after(coalescing, 64, 16us), 200us);
  EXPECT_EQ(pause_after(coalescing, 1, 100us, kStart + 2ms), 0us);
}

TEST(Coalescing, DoesNotPauseAfterALongSilence) {
  Coalescing coalescing(200us);
  ASSERT_EQ(pause_after(coalescing, 64, 16us), 200us);
  coalescing.found(64);
  EXPECT_EQ(coalescing.pause(kStart + 10s, kPosted), 0us);
}

TEST(Coalescing, PausesOnceForWhatWasFound) {
  Coalescing coalescing(200us);
  ASSERT_EQ(pause_after(coalescing, 64, 16us), 200us);
  EXPECT_EQ(coalescing.pause(kStart + 1100us, kPosted), 0us);  // nothing came meanwhile
  coalescing.found(0);
  EXPECT_EQ(coalescing.pause(kStart + 1110us, kPosted), 0us);
  coalescing.found(1);
  EXPECT_EQ(coalescing.pause(kStart + 1120us, kPosted), 200us);
}

TEST(Coalescing, LeavesHalfOfWhatIsPostedForSurprises) {
  Coalescing coalescing(200us);
  // 1024 frames, 8 to the microsecond, and the kernel may wake the port late.
  EXPECT_EQ(pause_after(coalescing, 80, 10us, kStart, 2048), 128us - Coalescing::kSlack);
  EXPECT_EQ(pause_after(coalescing, 80, 10us, kStart + 2ms, 1024), 0us);  // would be too short to sleep for
}

TEST(Coalescing, NeverPausesWhenTheLongestPauseIsTooShortToSleepFor) {
  for (const nanoseconds longest : {nanoseconds(0), nanoseconds(49us)}) {
    Coalescing coalescing(longest);
    EXPECT_EQ(pause_after(coalescing, 64, 16us), 0us);
  }
}

}  // namespace
}  // namespace netmem
