#include "bench/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/targets.h"

namespace netmem::tool {
namespace {

using testing::HasSubstr;
using testing::Not;

Measurements with(std::vector<MeasuredLoop> loops) {
  Measurements measured;
  measured.unit = "cycles(tsc)";
  measured.loops = std::move(loops);
  return measured;
}

MeasuredLoop loop(const std::string& name, std::uint64_t cycles) {
  return {.name = name,
          .group = name.substr(0, name.find('/')),
          .subject = name.ends_with("/ring") ? "bare ring" : "netmem",
          .element = "something",
          .elements = 100,
          .repetitions = {{cycles, 2005}, {cycles + 2, 2005}, {cycles - 2, 2005}}};
}

TEST(BenchPrint, RatiosSayWhetherTheTargetIsMet) {
  const auto at = [](std::uint64_t cycles) {
    return ratio_table(with({loop("cross_core_64/host", cycles), loop("cross_core_64/ring", 1000)}), true);
  };
  EXPECT_THAT(at(1400), HasSubstr("1.50  met"));
  EXPECT_THAT(at(1600), HasSubstr("1.50  NOT met"));
}

TEST(BenchPrint, NothingIsSaidOfARatioThatSpreadsWidely) {
  MeasuredLoop ring = loop("cross_core_64/ring", 1000);
  ring.repetitions[0].cycles = 1300;
  EXPECT_THAT(ratio_table(with({loop("cross_core_64/host", 1400), ring}), true), HasSubstr("1.50  spreads widely"));
}

TEST(BenchPrint, NoTargetIsMetOrMissedWithoutAVerdict) {
  const auto table = ratio_table(with({loop("cross_core_64/host", 1600), loop("cross_core_64/ring", 1000)}), false);
  EXPECT_THAT(table, HasSubstr("   1.50\n"));
}

TEST(BenchPrint, RatioAppearsOnlyWhenBothSidesRan) {
  EXPECT_EQ(ratio_table(with({loop("cross_core_64/host", 1000)}), true), "");
  EXPECT_EQ(ratios(with({loop("cross_core_64/host", 1000), loop("cross_core_64/ring", 1000)})).size(), 1);
}

TEST(BenchPrint, DeviceMemoryIsHeldAgainstHostMemoryAndHostMemoryAgainstOthers) {
  const auto found =
      ratios(with({loop("burst_64/host", 100), loop("burst_64/device", 100), loop("burst_64/ring", 100)}));
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].name(), "burst_64/device : burst_64/host");
  EXPECT_EQ(found[1].name(), "burst_64/host : burst_64/ring");
  EXPECT_FALSE(found[0].target);
}

TEST(BenchPrint, BookkeepingOfSmallPoolsIsCalledWhatItIs) {
  MeasuredLoop small = loop("pool_of_64/host", 100);
  small.pages = 64;
  small.bookkeeping = 168;
  EXPECT_THAT(ratio_table(with({small}), true), HasSubstr("fixed cost of few pages"));
  MeasuredLoop large = loop("pool_of_16K/host", 100);
  large.pages = 16 * 1024;
  large.bookkeeping = 80;
  EXPECT_THAT(ratio_table(with({large}), true), HasSubstr("  met"));
  large.bookkeeping = 80.1;
  EXPECT_THAT(ratio_table(with({large}), true), HasSubstr("NOT met"));
}

TEST(BenchPrint, KernelLinesAreOfTheMedianRepetition) {
  EXPECT_EQ(to_kernel_lines(with({loop("page_pool01_fast_path/host", 1002)})),
            "Type:page_pool01_fast_path/host Per elem: 10 cycles(tsc) 20.050 ns (step:0) - (measurement period "
            "time:0.000002005 sec time_interval:2005) - (invoke count:100 tsc_interval:1002)\n");
}

TEST(BenchPrint, TableHasEachLoopWithMinimumMedianAndMaximum) {
  EXPECT_THAT(to_table(with({loop("burst_64/host", 1000)})),
              HasSubstr("host                9.98     10.00     10.02      20.05  netmem"));
}

TEST(BenchPrint, UnsteadyCounterIsNotHidden) {
  Measurements measured = with({loop("burst_64/host", 1000)});
  EXPECT_THAT(to_table(measured), HasSubstr("NOT constant"));
  measured.machine.constant_tsc = true;
  EXPECT_THAT(to_table(measured), Not(HasSubstr("NOT constant")));
}

TEST(BenchPrint, LoopsThatMissTheSameAreSaidTogether) {
  const std::vector<MissingLoop> missing = {
      {"burst_64/huge", "none"}, {"dpdk_mempool", "no DPDK"}, {"bulk_8/huge", "none"}};
  const auto gathered = gather(missing);
  ASSERT_EQ(gathered.size(), 2);
  EXPECT_EQ(gathered[0].name, "burst_64/huge and 1 more");
  EXPECT_EQ(gathered[1].name, "dpdk_mempool");
}

}  // namespace
}  // namespace netmem::tool
