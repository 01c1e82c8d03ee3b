// netmem bench: the loops of the kernel's page_pool benchmark and more, beside what people would use instead.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/choose.h"
#include "bench/json.h"
#include "bench/loops/cycles.h"
#include "bench/loops/processors.h"
#include "bench/machine.h"
#include "bench/print.h"
#include "bench/results.h"
#include "bench/run.h"
#include "bench/verdict.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "tools/report.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

struct BenchOptions {
  std::vector<std::string> filters;
  bool all = false;
  bool list = false;
  RunOptions run;
  std::uint64_t milliseconds = 20;
  std::string format = "table";
  std::string json;
  std::string from;
};

// Everything that went wrong, said once; the rest goes on.
class Failures {
 public:
  void add(const std::string& message) {
    print_error(message);
    any_ = true;
  }
  void add_said() { any_ = true; }
  [[nodiscard]] int exit_code() const { return any_ ? kFailure : kSuccess; }

 private:
  bool any_ = false;
};

// A file that is written at the end, and whose place is tried at the beginning.
class LateFile {
 public:
  LateFile(const std::string& path, Failures& failures) : failures_(failures) {
    if (path.empty()) return;
    auto opened = Output::file(path);
    if (opened) {
      output_.emplace(std::move(*opened));
    } else {
      failures.add(opened.error().message());
    }
  }
  void write(const std::string& text) {
    if (!output_) return;
    Result<void> written = output_->write(std::as_bytes(std::span(text)));
    if (written) written = output_->finish();
    if (!written) failures_.add(written.error().message());
  }

 private:
  Failures& failures_;
  std::optional<Output> output_;
};

// The loops that somebody asked for: those that the filter wants, all of them, or the usual ones.
EveryLoop choose(const BenchOptions& options, const NameFilter& filter, Failures& failures) {
  EveryLoop chosen = every_loop();
  for (const std::string& unknown : filter.unmatched(chosen.names()))
    failures.add("cannot run a loop that matches \"" + unknown +
                 "\": there is none; netmem bench --all --list prints their names");
  const auto wanted = [&](const std::string& name) {
    return filter.wants_all() ? options.all || is_usual(name) : filter.wants(name);
  };
  std::erase_if(chosen.loops, [&](const bench::LoopSpec& loop) { return !wanted(loop.name); });
  std::erase_if(chosen.missing, [&](const MissingLoop& loop) { return !wanted(loop.name); });
  return chosen;
}

void add_run_notes(Measurements& measured) {
  const std::size_t processors = bench::processors().size();
  if (std::ranges::any_of(measured.loops, [&](const MeasuredLoop& loop) { return loop.producers >= processors; }))
    measured.machine.notes.push_back(
        fmt::format("loops with {} or more producers share {} processors", processors, processors));
}

std::optional<Measurements> measure(const EveryLoop& chosen, const RunOptions& options, Failures& failures) {
  Measurements measured{.netmem = NETMEM_VERSION,
                        .commit = built_commit(),
                        .date = date_now(),
                        .machine = this_machine(read_cpuinfo()),
                        .unit = bench::kCycleUnit,
                        .loops = {},
                        .missing = chosen.missing};
  if (!measured.machine.constant_tsc)
    failures.add("cannot vouch for cycles: the processor has no constant and nonstop TSC; compare nanoseconds instead");
  const TscClock clock;
  const OtherPrograms others;
  auto results = run_loops(chosen.loops, options, measured.missing);
  if (!results) {
    failures.add("cannot finish the measurement: interrupted");
    return std::nullopt;
  }
  measured.machine.others = others.share();
  measured.machine.tsc_hz = clock.hz();
  measured.loops = std::move(*results);
  add_run_notes(measured);
  if (measured.loops.empty())
    failures.add("cannot measure " + measured.missing.front().name + ": " + measured.missing.front().reason);
  return measured;
}

// Figures of an earlier run.
std::optional<Measurements> load(const std::string& file, const NameFilter& filter, Failures& failures) {
  auto json = read_json(file);
  auto measured = json ? measurements(*json, file) : std::unexpected(json.error());
  if (!measured) {
    failures.add(measured.error().message());
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (const MeasuredLoop& loop : measured->loops) names.push_back(loop.name);
  for (const std::string& unknown : filter.unmatched(names))
    failures.add(fmt::format("cannot show a loop that matches \"{}\": {} has none", unknown, file));
  std::erase_if(measured->loops, [&](const MeasuredLoop& loop) { return !filter.wants(loop.name); });
  return std::move(*measured);
}

void print(const Measurements& measured, const std::string& format, Failures& failures) {
  const std::string text = format == "kernel" ? to_kernel_lines(measured) : to_table(measured);
  const Verdict of_all = verdict(measured);
  const std::string end = ratio_table(measured, of_all.given) + not_run(measured.missing) + "\n" + of_all.says + "\n";
  if (!print_report(text + end, false)) failures.add_said();
}

int bench_all(const BenchOptions& options, const NameFilter& filter) {
  Failures failures;
  std::optional<EveryLoop> chosen;
  if (options.from.empty()) {
    chosen = choose(options, filter, failures);
    if (chosen->loops.empty() && chosen->missing.empty()) return kUsage;
    if (options.list) return print_report(to_list(*chosen), false) ? failures.exit_code() : kFailure;
  }
  const StopSignal stop;  // from here on there is a temporary file
  LateFile json(options.json, failures);
  const auto measured = chosen ? measure(*chosen, options.run, failures) : load(options.from, filter, failures);
  if (!measured) return failures.exit_code();
  print(*measured, options.format, failures);
  json.write(dump(to_json(*measured)));
  return failures.exit_code();
}

int bench(BenchOptions options) {
  options.run.time = std::chrono::milliseconds(options.milliseconds);
  options.run.stop = StopSignal::requested;
  const auto filter = NameFilter::create(options.filters);
  if (filter) return bench_all(options, *filter);
  print_error(filter.error().message());
  return kUsage;
}

void add_measuring(CLI::App& command, BenchOptions& options) {
  command.add_option("--filter", options.filters, "only loops whose name matches; may be given again for more")
      ->type_name("RE")
      ->allow_extra_args(false);
  CLI::Option* all = command.add_flag("--all", options.all, "every loop, not just the dozen that say most");
  CLI::Option* list = command.add_flag("--list", options.list, "print the loops and what an element is");
  CLI::Option* loops =
      command.add_option("--loops", options.run.elements, "elements in each repetition, instead of --time")
          ->type_name("N")
          ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  command.add_option("--time", options.milliseconds, "how long a repetition takes, about (20)")
      ->type_name("MS")
      ->check(CLI::Range(1, 60'000))
      ->excludes(loops);
  command.add_option("--repetitions", options.run.repetitions, "how often each loop is measured (9)")
      ->type_name("N")
      ->check(CLI::Range(3, 1000));
  command.add_option("--from", options.from, "show the figures in this file of --json instead of measuring")
      ->type_name("FILE")
      ->excludes(all, loops, list, command.get_option("--time"), command.get_option("--repetitions"));
}

constexpr const char* kExamples = R"(Examples:
  netmem bench
  netmem bench --filter '^cross_core' --filter '^lock$' --repetitions 25
  netmem bench --all --json figures.json
  bench/report figures.json page.html      # draws them)";

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure the page pool beside what people would use instead");
  add_measuring(*command, *options);
  command->add_option("--format", options->format, "table (default), or kernel: the kernel benchmark's lines")
      ->type_name("NAME")
      ->check(CLI::IsMember({"table", "kernel"}));
  command->add_option("--json", options->json, "write every figure to this file")->type_name("FILE");
  command->footer(kExamples);
  command->callback([options, &exit_code] { exit_code = bench(*options); });
}

}  // namespace netmem::tool
