#include "netmem/ports/post_target.h"

#include <gtest/gtest.h>

namespace netmem {
namespace {

constexpr std::uint64_t kStart = 1'000'000'000'000;

// Looks that found `frames`, one each millisecond, for so long.
std::uint64_t look(PostTarget& target, std::uint32_t frames, std::uint64_t from_ns, std::uint64_t for_ns) {
  std::uint64_t now = from_ns;
  for (; now < from_ns + for_ns; now += 1'000'000) target.found(frames, now);
  return now;
}

TEST(PostTarget, BeginsAtTheMost) {
  PostTarget target(256, 2048);
  EXPECT_EQ(target.frames(), 2048U);
  target.found(64, kStart);  // the first look ends a window that began never, and was quiet
  EXPECT_GE(target.frames(), 1024U);
}

TEST(PostTarget, ComesDownWhileLittleIsFoundAndNotBelowTheLeast) {
  PostTarget target(256, 2048);
  const std::uint64_t later = look(target, 16, kStart, 5 * PostTarget::kWindowNs);
  EXPECT_EQ(target.frames(), 256U);
  look(target, 16, later, 5 * PostTarget::kWindowNs);
  EXPECT_EQ(target.frames(), 256U);
}

TEST(PostTarget, StaysAtEightTimesWhatIsFound) {
  PostTarget target(256, 2048);
  look(target, 100, kStart, 10 * PostTarget::kWindowNs);
  EXPECT_EQ(target.frames(), 512U);  // halved while 100 was an eighth of it or less
}

TEST(PostTarget, GoesUpAtOnceWhenALookFindsHalfOfIt) {
  PostTarget target(256, 2048);
  const std::uint64_t later = look(target, 16, kStart, 5 * PostTarget::kWindowNs);
  target.found(127, later);
  EXPECT_EQ(target.frames(), 256U);
  target.found(128, later);
  EXPECT_EQ(target.frames(), 2048U);
}

TEST(PostTarget, StaysUpForTenSecondsAfterThat) {
  PostTarget target(256, 2048);
  target.found(2000, kStart);
  const std::uint64_t later = look(target, 1, kStart, PostTarget::kHoldNs);
  EXPECT_EQ(target.frames(), 2048U);
  look(target, 1, later, 4 * PostTarget::kWindowNs);
  EXPECT_EQ(target.frames(), 256U);
}

TEST(PostTarget, AClockThatGoesBackOnlyEndsAWindow) {
  PostTarget target(256, 2048);
  look(target, 300, kStart, PostTarget::kWindowNs / 2);
  target.found(300, kStart - 1'000'000'000);
  EXPECT_EQ(target.frames(), 2048U);
}

TEST(PostTarget, LeastAndMostAlikeNeverMove) {
  PostTarget target(2048, 2048);
  const std::uint64_t later = look(target, 1, kStart, 10 * PostTarget::kWindowNs);
  target.found(2048, later);
  EXPECT_EQ(target.frames(), 2048U);
}

}  // namespace
}  // namespace netmem
