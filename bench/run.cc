#include "bench/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "bench/loops/processors.h"

namespace netmem::tool {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kFirstTrial = 256;
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 40;
constexpr std::uint64_t kWarmUp = 100'000;  // elements, when their number is fixed

// One line on a terminal, taken away at the end; nothing elsewhere.
class RunProgress {
 public:
  RunProgress() : shown_(::isatty(STDERR_FILENO) != 0) {}
  ~RunProgress() { say(""); }
  RunProgress(const RunProgress&) = delete;
  RunProgress& operator=(const RunProgress&) = delete;

  void say(std::string_view what) const {
    if (shown_) fmt::print(stderr, "\r{}\x1b[K", what);
  }

 private:
  bool shown_;
};

struct Ready {
  const bench::LoopSpec* spec;
  std::unique_ptr<bench::Loop> loop;
  std::uint64_t elements;
  std::vector<bench::Sample> samples;
};

bench::MadeLoop make(const bench::LoopSpec& spec) {
  if (spec.producers > 0 && bench::processors().size() < 2)
    return refused("run " + spec.name, "it needs a processor for the thread that returns pages, and there is only one",
                   "use a machine with more, or allow the program more (taskset -c 0,1)");
  return spec.make();
}

nanoseconds took(const bench::Sample& sample) { return nanoseconds(sample.nanoseconds); }

// How many elements take about `wanted`. Warms the loop up with at least two runs of nearly that length.
std::uint64_t calibrate(bench::Loop& loop, std::uint64_t batch, nanoseconds wanted) {
  Trial trial{kFirstTrial, false};
  // The first long trial paid for what is done only once: only the second is believed.
  for (int believed = 0; believed < 2;) {
    trial.elements = whole_batches(trial.elements, batch);
    trial = next_trial(trial.elements, took(loop.run(trial.elements)), wanted);
    if (trial.found) ++believed;
  }
  return whole_batches(trial.elements, batch);
}

std::uint64_t prepare(bench::Loop& loop, const bench::LoopSpec& spec, const RunOptions& options) {
  if (options.elements == 0) return calibrate(loop, spec.batch, options.time);
  const std::uint64_t elements = whole_batches(options.elements, spec.batch);
  loop.run(whole_batches(std::min(elements, kWarmUp), spec.batch));
  return elements;
}

std::vector<Ready> make_ready(const bench::LoopList& loops, const RunOptions& options,
                              std::vector<MissingLoop>& missing, const RunProgress& progress) {
  std::vector<Ready> ready;
  for (const bench::LoopSpec& spec : loops) {
    if (options.stop()) break;
    progress.say("warming up: " + spec.name);
    bench::MadeLoop loop = make(spec);
    if (loop) {
      const std::uint64_t elements = prepare(**loop, spec, options);
      ready.push_back({&spec, std::move(*loop), elements, {}});
    } else {
      missing.push_back({spec.name, loop.error().message()});
    }
  }
  return ready;
}

MeasuredLoop result_of(Ready&& ready) {
  const bench::LoopSpec& spec = *ready.spec;
  return {.name = spec.name,
          .group = spec.group,
          .subject = spec.subject,
          .element = spec.element,
          .batch = spec.batch,
          .producers = spec.producers,
          .pages = spec.pages,
          .page_size = spec.page_size,
          .elements = ready.elements,
          .repetitions = std::move(ready.samples),
          .bookkeeping = ready.loop->bookkeeping_per_page()};
}

}  // namespace

std::uint64_t whole_batches(std::uint64_t elements, std::uint64_t batch) {
  return (elements + batch - 1) / batch * batch;
}

Trial next_trial(std::uint64_t elements, nanoseconds took, nanoseconds wanted) {
  const double factor = static_cast<double>(wanted.count()) / static_cast<double>(std::max(took.count(), 1L));
  const bool found = factor <= 8;
  const double next = static_cast<double>(elements) * (found ? factor : std::min(factor / 2, 16.0));
  const double most = static_cast<double>(kMostElements);
  return {static_cast<std::uint64_t>(std::clamp(next, 1.0, most)), found || next >= most};
}

std::optional<std::vector<MeasuredLoop>> run_loops(const bench::LoopList& loops, const RunOptions& options,
                                                   std::vector<MissingLoop>& missing) {
  const RunProgress progress;
  bench::pin(0);
  std::vector<Ready> ready = make_ready(loops, options, missing, progress);
  if (options.stop()) return std::nullopt;
  for (unsigned i = 0; i < options.repetitions; ++i) {
    for (Ready& one : ready) {
      if (options.stop()) return std::nullopt;
      progress.say(fmt::format("repetition {} of {}: {}", i + 1, options.repetitions, one.spec->name));
      one.samples.push_back(one.loop->run(one.elements));
    }
  }
  std::vector<MeasuredLoop> results;
  results.reserve(ready.size());
  for (Ready& one : ready) results.push_back(result_of(std::move(one)));
  return results;
}

}  // namespace netmem::tool
