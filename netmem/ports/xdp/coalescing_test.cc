#include "netmem/ports/xdp/coalescing.h"

#include <gtest/gtest.h>

namespace netmem {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kStart = 1h;
constexpr std::uint64_t kPosted = 2048;

// Finds `buffers` and waits, each time `apart` later, through a window and the first wait behind it: the last pause.
nanoseconds pause_after(Coalescing& coalescing, std::uint64_t buffers, nanoseconds apart, nanoseconds from = kStart,
                        std::uint64_t posted = kPosted) {
  nanoseconds pause{0};
  for (nanoseconds now = from; now <= from + Coalescing::kWindow + apart; now += apart) {
    coalescing.found(buffers);
    pause = coalescing.pause(now, posted);
  }
  return pause;
}

TEST(Coalescing, PausesWhileFramesComeFast) {
  Coalescing batches(200us), single(200us);
  EXPECT_EQ(pause_after(batches, 64, 16us), 200us);  // 4 million in a second
  EXPECT_EQ(pause_after(single, 3, 3us), 200us);     // 300,000 of 9000 bytes in a second
}

TEST(Coalescing, DoesNotPauseWhileFramesComeSlowly) {
  Coalescing coalescing(200us);
  EXPECT_EQ(pause_after(coalescing, 1, 10us), 0us);
  EXPECT_EQ(pause_after(coalescing, 4, 4 * Coalescing::kSlowest + 1us, kStart + 1s), 0us);
}

TEST(Coalescing, DoesNotPauseWhereItWaitsSeldom) {
  Coalescing at_200(200us), at_300(300us);
  EXPECT_EQ(pause_after(at_200, 64, 50us), 0us);    // a pause would take the place of 4 waits,
  EXPECT_EQ(pause_after(at_300, 64, 50us), 300us);  // and one that is longer of 6
}

TEST(Coalescing, DoesNotPauseBeforeItKnowsTheRate) {
  Coalescing coalescing(200us);
  for (nanoseconds now = kStart; now < kStart + 1ms; now += 16us) {
    coalescing.found(64);
    EXPECT_EQ(coalescing.pause(now, kPosted), 0us);
  }
  coalescing.found(1);
  EXPECT_EQ(coalescing.pause(kStart + 1ms, kPosted), 200us);
}

TEST(Coalescing, CountsWaitsAgainNowAndThen) {
  Coalescing coalescing(200us);
  ASSERT_EQ(pause_after(coalescing, 64, 16us), 200us);
  // As many frames, but all of 100 us at once: what pauses hide.
  unsigned pauses = 0;
  for (unsigned i = 0; i < 2 * 10 * Coalescing::kWindows; ++i) {
    coalescing.found(400);
    const bool paused = coalescing.pause(kStart + 1100us + i * 100us, kPosted) != 0us;
    EXPECT_TRUE(paused || i >= 10) << i;
    EXPECT_FALSE(paused && i > 10 * (Coalescing::kWindows + 1)) << i;
    pauses += paused ? 1 : 0;
  }
  EXPECT_GT(pauses, 10 * (Coalescing::kWindows - 5));
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
