#include "bench/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netmem::tool {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Each repetition takes so many cycles: 1000, and up to `spread` percent more.
MeasuredLoop loop(const std::string& name, std::uint64_t cycles, std::uint64_t spread = 1) {
  MeasuredLoop made{.name = name,
                    .group = name.substr(0, name.find('/')),
                    .subject = name.ends_with("/ring") ? "bare ring" : "netmem",
                    .element = "something",
                    .repetitions = {}};
  for (std::uint64_t i = 0; i < 9; ++i) made.repetitions.push_back({cycles + cycles * spread * (i % 3) / 200, 1});
  return made;
}

Measurements with(std::vector<MeasuredLoop> loops) {
  Measurements measured;
  measured.machine.others = 0.01;
  measured.loops = std::move(loops);
  return measured;
}

Measurements quiet() {
  return with({loop("cross_core_64/host", 1400), loop("cross_core_64/device", 1420), loop("cross_core_64/ring", 1000)});
}

TEST(BenchVerdict, SaysWhetherDeviceMemoryCostsMoreAndWhatIsMet) {
  const Verdict found = verdict(quiet());
  EXPECT_TRUE(found.given);
  EXPECT_EQ(found.says,
            "Device memory costs the same as host memory, within 5 %, in 1 of 1 loops; 2 of 2 targets are met.");
}

TEST(BenchVerdict, NamesTheLoopsInWhichDeviceMemoryCostsMore) {
  const Verdict found = verdict(
      with({loop("cross_core_64/host", 1000), loop("cross_core_64/device", 2000), loop("cross_core_64/ring", 1000)}));
  EXPECT_TRUE(found.given);
  EXPECT_EQ(found.says,
            "Device memory costs the same as host memory, within 5 %, in 0 of 1 loops, not in "
            "cross_core_64 (2.00 times); 1 of 2 targets are met.");
}

TEST(BenchVerdict, IsNotGivenWhenOtherProgramsRan) {
  Measurements measured = quiet();
  measured.machine.others = 0.37;
  EXPECT_FALSE(verdict(measured).given);
  EXPECT_EQ(verdict(measured).says,
            "No verdict: other programs had 37 % of the processors. Measure again when nothing else runs.");
  measured.machine.others = std::nullopt;  // a figure of an older netmem
  EXPECT_TRUE(verdict(measured).given);
}

TEST(BenchVerdict, IsNotGivenWhenTheFiguresSpreadWidely) {
  Measurements measured = quiet();
  measured.loops[2] = loop("cross_core_64/ring", 1000, 40);
  EXPECT_FALSE(verdict(measured).given);
  EXPECT_THAT(verdict(measured).says, HasSubstr("2 of 3 ratios spread by more than 10 %"));
}

TEST(BenchVerdict, OneRatioThatSpreadsWidelyDoesNotCount) {
  Measurements measured = quiet();
  for (const char* name : {"bulk_8", "bulk_32", "burst_64"}) {
    measured.loops.push_back(loop(std::string(name) + "/host", 1000));
    measured.loops.push_back(loop(std::string(name) + "/device", 1500, name == std::string("bulk_8") ? 40 : 1));
  }
  const Verdict found = verdict(measured);
  EXPECT_TRUE(found.given) << found.says;
  EXPECT_THAT(found.says, HasSubstr("in 1 of 3 loops, not in bulk_32 (1.50 times), burst_64 (1.50 times);"));
  EXPECT_THAT(found.says, HasSubstr("1 of 6 ratios spread by more than 10 % and do not count."));
}

TEST(BenchVerdict, IsNotGivenOnFewRepetitionsOrNothing) {
  Measurements measured = quiet();
  for (MeasuredLoop& one : measured.loops) one.repetitions.resize(6);
  EXPECT_THAT(verdict(measured).says, StartsWith("No verdict: 6 repetitions are too few"));
  EXPECT_THAT(verdict(with({})).says, StartsWith("No verdict: nothing was measured beside"));
}

}  // namespace
}  // namespace netmem::tool
