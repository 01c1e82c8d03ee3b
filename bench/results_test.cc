#include "bench/results.h"

#include <gtest/gtest.h>

namespace netmem::tool {
namespace {

MeasuredLoop loop(std::string name, std::string group, std::vector<bench::Sample> repetitions) {
  return {.name = std::move(name),
          .group = std::move(group),
          .subject = "netmem, host",
          .element = "something small",
          .elements = 10,
          .repetitions = std::move(repetitions)};
}

TEST(BenchResults, MedianIsTheMiddleOneOrTheMeanOfTwo) {
  EXPECT_EQ(quantiles({5, 1, 3}).median, 3);
  EXPECT_EQ(quantiles({4, 1, 2, 100}).median, 3);
  EXPECT_EQ(quantiles({4, 1, 2, 100}).min, 1);
  EXPECT_EQ(quantiles({4, 1, 2, 100}).max, 100);
}

TEST(BenchResults, TheMiddleHalfLeavesAQuarterOutAtEachEnd) {
  EXPECT_EQ(quantiles({100, 1, 2, 3, 4, 5, 6, 7, 50}).middle_half, 4);  // from 3 to 7
  EXPECT_EQ(quantiles({5}).middle_half, 0);
}

TEST(BenchResults, FiguresAreThoseOfOneElement) {
  const MeasuredLoop one = loop("lock", "baseline", {{200, 80}, {220, 90}, {400, 160}});
  EXPECT_EQ(one.cycles().median, 22);
  EXPECT_EQ(one.nanoseconds().max, 16);
}

TEST(BenchResults, QuotientsAreMadeRepetitionByRepetition) {
  const auto quotient = divide(loop("above", "a", {{100, 40}, {330, 130}, {300, 120}}),
                               loop("below", "b", {{200, 80}, {220, 90}, {400, 160}}));
  ASSERT_TRUE(quotient);
  EXPECT_EQ(quotient->min, 0.5);
  EXPECT_EQ(quotient->median, 0.75);
  EXPECT_EQ(quotient->max, 1.5);
}

TEST(BenchResults, QuotientsAllowForDifferentNumbersOfElements) {
  auto [above, below] = std::pair(loop("a", "g", {{100, 1}}), loop("b", "g", {{100, 1}}));
  above.elements = 5;
  EXPECT_EQ(divide(above, below)->median, 2);
}

TEST(BenchResults, NothingIsDividedByNothing) {
  EXPECT_FALSE(divide(loop("a", "g", {{100, 1}}), loop("b", "g", {{0, 0}})));
}

}  // namespace
}  // namespace netmem::tool
