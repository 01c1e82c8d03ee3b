// The loops themselves, as the program runs them.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "bench/choose.h"
#include "bench/loops/processors.h"
#include "bench/targets.h"
#include "netmem/core/netmem.h"

namespace netmem::tool {
namespace {

const bench::LoopSpec& find(const EveryLoop& all, std::string_view name) {
  const auto found = std::ranges::find(all.loops, name, &bench::LoopSpec::name);
  if (found == all.loops.end()) throw std::out_of_range(std::string(name));
  return *found;
}

TEST(BenchLoops, HaveNamesOfTheirOwnThatBeginWithTheirGroup) {
  std::set<std::string> names;
  for (const bench::LoopSpec& loop : every_loop().loops) {
    EXPECT_TRUE(names.insert(loop.name).second) << loop.name;
    if (loop.group != "baseline") {
      EXPECT_TRUE(loop.name.starts_with(loop.group + "/")) << loop.name;
    }
    EXPECT_FALSE(loop.element.empty()) << loop.name;
    EXPECT_GE(loop.batch, 1) << loop.name;
  }
}

TEST(BenchLoops, StandGroupByGroupWithNetmemFirst) {
  std::set<std::string> seen;
  std::string group;
  bool others = false;
  for (const bench::LoopSpec& loop : every_loop().loops) {
    if (loop.group != group) {
      EXPECT_TRUE(seen.insert(loop.group).second) << loop.group << " is in two places";
      group = loop.group;
      others = false;
    }
    const bool ours = loop.subject.starts_with("netmem");
    EXPECT_FALSE(ours && others) << loop.name;
    others |= !ours;
  }
}

TEST(BenchLoops, EveryTargetComparesLoopsThatThereAre) {
  const EveryLoop all = every_loop();
  for (const LoopTarget& target : targets()) {
    EXPECT_NO_THROW(find(all, std::string(target.group) + "/host"));
    EXPECT_NO_THROW(find(all, std::string(target.group) + "/device"));
    if (!target.below.ends_with("/dpdk_mempool")) {
      EXPECT_NO_THROW(find(all, target.below)) << target.below;
    }
  }
}

TEST(BenchLoops, ADozenRunWhenNobodyAsksForOthers) {
  const EveryLoop all = every_loop();
  EXPECT_EQ(usual_loops().size(), 12);
  for (const std::string_view name : usual_loops()) EXPECT_NO_THROW(find(all, name)) << name;
}

TEST(BenchLoops, EachRunsAsOftenAsItIsAsked) {
  const EveryLoop all = every_loop();
  for (const bench::LoopSpec& spec : all.loops) {
    const bool too_much = spec.subject.find("huge") != std::string::npos || spec.pages > 100'000;
    if (too_much || all.of_peers.contains(spec.name)) continue;  // peers: tests/integration/peers_test.cc
    if (spec.producers > 0 && bench::processors().size() < 2) continue;
    const auto loop = spec.make();
    ASSERT_TRUE(loop) << spec.name << ": " << loop.error().message();
    EXPECT_GT((*loop)->run(spec.batch).nanoseconds, 0) << spec.name;
    EXPECT_GT((*loop)->run(spec.batch * 100).nanoseconds, 0) << spec.name;
  }
}

std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

// Everything that appears in the address space, but for the pages themselves and the handles that the loop holds.
TEST(BenchLoops, BookkeepingIsWhatTheProcessReallyKeeps) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps more";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer keeps more";
#endif
#endif
  const EveryLoop all = every_loop();
  const bench::LoopSpec& spec = find(all, "pool_of_256K/host");
  const std::size_t before = address_space();
  const auto loop = spec.make();
  ASSERT_TRUE(loop) << loop.error().message();
  const auto pages = static_cast<double>(spec.pages);
  const double really = static_cast<double>(address_space() - before) / pages - 4096 - sizeof(Netmem);
  EXPECT_NEAR((*loop)->bookkeeping_per_page(), really, 1.0);
  EXPECT_LE(really, kMostBookkeeping);
}

}  // namespace
}  // namespace netmem::tool
