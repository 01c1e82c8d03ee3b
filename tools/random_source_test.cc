#include "tools/random_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace netmem::tool {
namespace {

std::vector<std::byte> take(RandomSource source, std::size_t size, std::size_t step) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; at += step) source.fill(std::span(bytes).subspan(at, std::min(step, size - at)));
  return bytes;
}

// Made by the formula of the header, in another language.
TEST(RandomSource, FollowsItsFormula) {
  const std::vector<std::byte> expected = {std::byte{0x4f}, std::byte{0xbd}, std::byte{0x0a}, std::byte{0x4c},
                                           std::byte{0x1f}, std::byte{0x89}, std::byte{0x3b}, std::byte{0x86},
                                           std::byte{0x15}, std::byte{0xf4}, std::byte{0xea}, std::byte{0x82}};
  EXPECT_EQ(take(RandomSource(7), 12, 12), expected);
}

TEST(RandomSource, GivesTheSameBytesWhateverTheSizesOfTheCalls) {
  const auto whole = take(RandomSource(7), 4097, 4097);
  for (const std::size_t step : {1U, 3U, 7U, 8U, 9U, 64U, 1000U})
    EXPECT_EQ(take(RandomSource(7), 4097, step), whole) << step;
}

TEST(RandomSource, GivesOtherBytesForAnotherSeed) {
  EXPECT_NE(take(RandomSource(7), 64, 64), take(RandomSource(8), 64, 64));
}

}  // namespace
}  // namespace netmem::tool
