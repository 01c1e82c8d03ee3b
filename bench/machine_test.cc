#include "bench/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "bench/choose.h"

namespace netmem::tool {
namespace {

constexpr std::string_view kSteady =
    "processor\t: 0\nmodel name\t: Some CPU 9000\nflags\t\t: fpu constant_tsc nonstop_tsc hypervisor\nvmx flags\t: "
    "none\n";

TEST(BenchMachine, ConstantTscIsReadFromTheFlags) {
#if defined(__x86_64__)
  EXPECT_TRUE(has_constant_tsc(kSteady));
  EXPECT_FALSE(has_constant_tsc("flags\t\t: fpu constant_tsc\n"));
  EXPECT_FALSE(has_constant_tsc("flags\t\t: fpu nonstop_tsc\n"));
  EXPECT_FALSE(has_constant_tsc("flags\t\t: not_constant_tsc nonstop_tsc\n"));
  EXPECT_FALSE(has_constant_tsc("vmx flags\t\t: constant_tsc nonstop_tsc\n"));
  EXPECT_FALSE(has_constant_tsc(""));
#else
  EXPECT_TRUE(has_constant_tsc(""));
#endif
}

TEST(BenchMachine, MissingConstantTscIsNoted) {
  Machine machine = this_machine("model name\t: Some CPU\n");
  EXPECT_EQ(machine.cpu, "Some CPU");
  EXPECT_FALSE(machine.is_virtual);
#if defined(__x86_64__)
  ASSERT_FALSE(machine.notes.empty());
  EXPECT_EQ(machine.notes.back(), "no constant TSC: cycles of different moments are not the same");
#endif
}

TEST(BenchMachine, IsNamedEvenWhereTheKernelDoesNotNameIt) {
  EXPECT_FALSE(this_machine("").cpu.empty());
  EXPECT_TRUE(this_machine(kSteady).is_virtual);
}

TEST(BenchMachine, TicksAreCountedPerSecond) {
  const std::uint64_t hz = TscClock().hz();
  EXPECT_GT(hz, 1'000'000);
  EXPECT_LT(hz, 100'000'000'000);
}

TEST(BenchMachine, DateIsInUniversalTime) {
  const std::string date = date_now();
  EXPECT_EQ(date.size(), 20);
  EXPECT_EQ(date.back(), 'Z');
}

TEST(BenchMachine, TimeOfProcessorsThatDoNothingIsNotBusy) {
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto time = processor_time("cpu  100 0 50 1000 200 3 7 40 9 9\ncpu0 1 2 3\n");
  ASSERT_TRUE(time);
  EXPECT_DOUBLE_EQ(time->busy, 200 / ticks);  // stolen time is others'
  EXPECT_DOUBLE_EQ(time->all, 1400 / ticks);
  EXPECT_FALSE(processor_time(""));
  EXPECT_FALSE(processor_time("cpu  100 0 50"));
  EXPECT_FALSE(processor_time("intr 100 0 50 1000 200 3 7 40"));
}

TEST(BenchMachine, ItsOwnWorkIsNotThatOfOthers) {
  const OtherPrograms others;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  while (std::chrono::steady_clock::now() < end) {
  }
  const auto share = others.share();
  ASSERT_TRUE(share);
  EXPECT_GE(*share, 0);
  EXPECT_LE(*share, 1.1);  // ticks are coarse
}

TEST(BenchFilter, WithoutExpressionsWantsEverything) {
  EXPECT_TRUE(NameFilter::create({})->wants("anything"));
  EXPECT_TRUE(NameFilter::create({})->unmatched({"a"}).empty());
}

TEST(BenchFilter, WantsWhatAnyOfItsExpressionsMatches) {
  const auto filter = NameFilter::create({"^bulk", "/ring$"});
  EXPECT_TRUE(filter->wants("bulk_8/host"));
  EXPECT_TRUE(filter->wants("cross_core_1/ring"));
  EXPECT_FALSE(filter->wants("burst_64/host"));
  EXPECT_EQ(filter->unmatched({"bulk_8/host"}), std::vector<std::string>{"/ring$"});
}

TEST(BenchFilter, RefusesWhatIsNoRegularExpression) {
  EXPECT_EQ(NameFilter::create({"a", "(b"}).error().message(),
            "cannot run netmem bench: \"(b\" is no regular expression; escape ( [ { * + ? with a backslash");
}

}  // namespace
}  // namespace netmem::tool
