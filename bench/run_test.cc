#include "bench/run.h"

#include <gtest/gtest.h>

#include "bench/choose.h"
#include "bench/loops/processors.h"

namespace netmem::tool {
namespace {

using namespace std::chrono_literals;

TEST(BenchRun, BatchesAreWhole) {
  EXPECT_EQ(whole_batches(1, 64), 64);
  EXPECT_EQ(whole_batches(64, 64), 64);
  EXPECT_EQ(whole_batches(65, 64), 128);
  EXPECT_EQ(whole_batches(7, 1), 7);
}

TEST(BenchRun, LongTrialsTellHowManyElementsAreNeeded) {
  EXPECT_TRUE(next_trial(1000, 10ms, 20ms).found);
  EXPECT_EQ(next_trial(1000, 10ms, 20ms).elements, 2000);
  EXPECT_EQ(next_trial(1000, 40ms, 20ms).elements, 500);
  EXPECT_EQ(next_trial(1, 1min, 20ms).elements, 1);
}

TEST(BenchRun, ShortTrialsTellThatMoreElementsAreNeeded) {
  EXPECT_FALSE(next_trial(1000, 1ms, 20ms).found);
  EXPECT_EQ(next_trial(1000, 1ms, 20ms).elements, 10'000);
  EXPECT_EQ(next_trial(1000, 0ms, 20ms).elements, 16'000);
}

TEST(BenchRun, LoopThatTakesNoTimeDoesNotGrowForEver) {
  std::uint64_t elements = 256;
  int trials = 0;
  for (; trials < 100; ++trials) {
    const Trial trial = next_trial(elements, 0ns, 20ms);
    elements = trial.elements;
    if (trial.found) break;
  }
  EXPECT_LT(trials, 20);
}

// Counts what is asked of it.
class Recorder final : public bench::Loop {
 public:
  explicit Recorder(std::vector<std::uint64_t>& runs) : runs_(runs) {}
  bench::Sample run(std::uint64_t elements) override {
    runs_.push_back(elements);
    return {elements * 3, elements};
  }
  [[nodiscard]] double bookkeeping_per_page() const override { return 77; }

 private:
  std::vector<std::uint64_t>& runs_;
};

bench::LoopSpec recorder(std::vector<std::uint64_t>& runs, std::uint64_t batch) {
  return {.name = "recorder",
          .group = "test",
          .subject = "nobody",
          .element = "nothing",
          .batch = batch,
          .make = [&runs]() -> bench::MadeLoop { return std::make_unique<Recorder>(runs); }};
}

TEST(BenchRun, RepetitionTakesAboutTheTimeThatWasAskedFor) {
  std::vector<std::uint64_t> runs;
  std::vector<MissingLoop> missing;
  const auto results = run_loops({recorder(runs, 1)}, {.time = 1ms, .repetitions = 5}, missing);
  ASSERT_EQ(results->size(), 1);
  EXPECT_EQ(results->front().elements, 1'000'000);  // of a nanosecond each
  EXPECT_EQ(results->front().repetitions.size(), 5);
  EXPECT_EQ(results->front().cycles().median, 3);
  EXPECT_EQ(results->front().bookkeeping, 77);
  EXPECT_GE(runs.size(), 7);  // two trials at least
}

TEST(BenchRun, FixedNumberOfElementsIsKeptButForWholeBatches) {
  std::vector<std::uint64_t> runs;
  std::vector<MissingLoop> missing;
  const auto results = run_loops({recorder(runs, 64)}, {.elements = 100, .repetitions = 3}, missing);
  EXPECT_EQ(results->front().elements, 128);
  EXPECT_EQ(runs, (std::vector<std::uint64_t>{128, 128, 128, 128}));
}

TEST(BenchRun, LoopThatCannotBeMadeIsMissingAndTheOthersRun) {
  std::vector<std::uint64_t> runs;
  std::vector<MissingLoop> missing;
  bench::LoopSpec broken = recorder(runs, 1);
  broken.name = "broken";
  broken.make = []() -> bench::MadeLoop { return refused("do it", "nobody knows how", "ask somebody"); };
  const auto results = run_loops({broken, recorder(runs, 1)}, {.elements = 1, .repetitions = 3}, missing);
  ASSERT_EQ(results->size(), 1);
  ASSERT_EQ(missing.size(), 1);
  EXPECT_EQ(missing[0].name, "broken");
  EXPECT_EQ(missing[0].reason, "cannot do it: nobody knows how; ask somebody");
}

TEST(BenchRun, LoopsTakeTurns) {
  std::vector<std::uint64_t> runs;
  std::vector<MissingLoop> missing;
  run_loops({recorder(runs, 1), recorder(runs, 7)}, {.elements = 1, .repetitions = 3}, missing);
  EXPECT_EQ(runs, (std::vector<std::uint64_t>{1, 7, 1, 7, 1, 7, 1, 7}));
}

TEST(BenchRun, InterruptedBeforeTheFirstLoopIsInterrupted) {
  std::vector<std::uint64_t> runs;
  std::vector<MissingLoop> missing;
  const RunOptions options{.elements = 8, .repetitions = 3, .stop = []() noexcept { return true; }};
  EXPECT_FALSE(run_loops({recorder(runs, 1)}, options, missing));
  EXPECT_TRUE(runs.empty());
}

}  // namespace
}  // namespace netmem::tool
