// netmem bench: the loops of the kernel's page_pool benchmark and more, beside what people would use instead.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bench/loops/cycles.h"
#include "bench/loops/processors.h"
#include "tools/bench_choose.h"
#include "tools/bench_machine.h"
#include "tools/bench_print.h"
#include "tools/bench_report.h"
#include "tools/bench_results.h"
#include "tools/bench_run.h"
#include "tools/commands.h"
#include "tools/gnuplot.h"
#include "tools/output.h"
#include "tools/report.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

struct BenchOptions {
  std::vector<std::string> filters;
  bool list = false;
  RunOptions run;
  std::uint64_t milliseconds = 20;
  std::string format = "table";
  std::string json;
  std::string from;
  std::string experiment;
  std::string report;
  std::string picture;
};

// Everything that went wrong, said once; the rest goes on.
class Verdict {
 public:
  void failed(const std::string& message) {
    print_error(message);
    complete_ = false;
  }
  void incomplete() { complete_ = false; }
  [[nodiscard]] int exit_code() const { return complete_ ? kSuccess : kFailure; }

 private:
  bool complete_ = true;
};

// A file that is written at the end, and whose place is tried at the beginning.
class LateFile {
 public:
  LateFile(const std::string& path, Verdict& verdict) : verdict_(verdict) {
    if (path.empty()) return;
    auto opened = Output::file(path);
    if (opened) {
      output_.emplace(std::move(*opened));
    } else {
      verdict.failed(opened.error().message());
    }
  }
  void write(const std::string& text) {
    if (!output_) return;
    Result<void> written = output_->write(std::as_bytes(std::span(text)));
    if (written) written = output_->finish();
    if (!written) verdict_.failed(written.error().message());
  }
  void write(const Result<std::string>& text) {
    if (text) return write(*text);
    verdict_.failed(text.error().message());
  }
  [[nodiscard]] bool wanted() const { return output_.has_value(); }

 private:
  Verdict& verdict_;
  std::optional<Output> output_;
};

// What gnuplot has a hand in. Without it the figures are measured all the same.
class Drawings {
 public:
  Drawings(const BenchOptions& options, Verdict& verdict)
      : possible_(find(options, verdict)),
        report_(possible_ ? options.report : "", verdict),
        picture_(possible_ ? options.picture : "", verdict) {}

  void draw(const Json& figures) {
    if (report_.wanted()) report_.write(render_report(figures));
    if (picture_.wanted()) picture_.write(render_picture(figures));
  }

 private:
  static bool find(const BenchOptions& options, Verdict& verdict) {
    if (options.report.empty() && options.picture.empty()) return false;
    const Result<void> found = find_gnuplot();
    if (!found) verdict.failed(found.error().message());
    return found.has_value();
  }

  bool possible_;
  LateFile report_;
  LateFile picture_;
};

std::string not_to_be_run(const MissingLoop& missing) { return "cannot run " + missing.name + ": " + missing.reason; }

// The loops that the filter wants, and what it wants and nobody has.
EveryLoop choose(const NameFilter& filter, Verdict& verdict) {
  EveryLoop all = every_loop();
  for (const std::string& unknown : filter.unmatched(all.names()))
    verdict.failed("cannot run a loop that matches \"" + unknown +
                   "\": there is none; netmem bench --list has them all");
  std::erase_if(all.loops, [&](const bench::LoopSpec& loop) { return !filter.wants(loop.name); });
  std::erase_if(all.missing, [&](const MissingLoop& loop) { return !filter.wants(loop.name); });
  return all;
}

void add_run_notes(Measurements& measured, const RunOptions& options) {
  std::vector<std::string>& notes = measured.machine.notes;
  if (options.repetitions < 7)
    notes.push_back(fmt::format("{} repetitions are few; 7 or more tell noise apart", options.repetitions));
  const std::size_t processors = bench::processors().size();
  if (std::ranges::any_of(measured.loops, [&](const MeasuredLoop& loop) { return loop.producers >= processors; }))
    notes.push_back(fmt::format("loops with {} or more producers share {} processors", processors, processors));
}

void say_what_is_missing(std::vector<MissingLoop> missing, const EveryLoop& chosen, const NameFilter& filter,
                         Verdict& verdict) {
  std::set<std::string> forgiven = chosen.of_peers;
  for (const MissingLoop& peer : chosen.missing) forgiven.insert(peer.name);
  if (filter.wants_all()) std::erase_if(missing, [&](const MissingLoop& one) { return forgiven.contains(one.name); });
  for (const MissingLoop& one : gather(missing)) verdict.failed(not_to_be_run(one));
}

std::optional<Measurements> measure(const EveryLoop& chosen, const NameFilter& filter, const RunOptions& options,
                                    Verdict& verdict) {
  const std::string cpuinfo = read_cpuinfo();
  Measurements measured{.netmem = NETMEM_VERSION,
                        .commit = built_commit(),
                        .date = date_now(),
                        .machine = this_machine(cpuinfo),
                        .unit = bench::kCycleUnit,
                        .loops = {},
                        .missing = {},
                        .experiment = {}};
  if (!measured.machine.constant_tsc)
    verdict.failed(
        "cannot vouch for cycles: the processor has no constant and nonstop TSC; compare nanoseconds instead");
  const TscClock clock;
  auto results = run_loops(chosen.loops, options, measured.missing);
  if (!results) {
    verdict.failed("cannot finish the measurement: interrupted");
    return std::nullopt;
  }
  measured.machine.tsc_hz = clock.hz();
  measured.loops = std::move(*results);
  measured.missing.insert(measured.missing.end(), chosen.missing.begin(), chosen.missing.end());
  say_what_is_missing(measured.missing, chosen, filter, verdict);
  add_run_notes(measured, options);
  return measured;
}

// Figures of an earlier run.
std::optional<Measurements> load(const std::string& file, const NameFilter& filter, Verdict& verdict) {
  auto json = read_json(file);
  auto measured = json ? measurements(*json, file) : std::unexpected(json.error());
  if (!measured) {
    verdict.failed(measured.error().message());
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (const MeasuredLoop& loop : measured->loops) names.push_back(loop.name);
  for (const std::string& unknown : filter.unmatched(names))
    verdict.failed(fmt::format("cannot show a loop that matches \"{}\": {} has none", unknown, file));
  std::erase_if(measured->loops, [&](const MeasuredLoop& loop) { return !filter.wants(loop.name); });
  return std::move(*measured);
}

void add_experiment(Measurements& measured, const std::string& file, Verdict& verdict) {
  if (file.empty()) return;
  auto experiment = read_experiment(file);
  if (!experiment) return verdict.failed(experiment.error().message());
  measured.experiment = std::move(*experiment);
}

void print(const Measurements& measured, const std::string& format, Verdict& verdict) {
  std::string text = format == "kernel" ? to_kernel_lines(measured) : to_table(measured);
  text += ratio_table(measured) + not_run(measured.missing);
  if (!print_report(text, false)) verdict.incomplete();
}

int bench_all(const BenchOptions& options, const NameFilter& filter) {
  Verdict verdict;
  std::optional<EveryLoop> chosen;
  if (options.from.empty()) {
    chosen = choose(filter, verdict);
    if (chosen->loops.empty() && chosen->missing.empty()) return kUsage;
    if (options.list) return print_report(to_list(*chosen), false) ? verdict.exit_code() : kFailure;
  }
  const StopSignal stop;  // from here on there are temporary files
  LateFile json(options.json, verdict);
  Drawings drawings(options, verdict);
  auto measured = chosen ? measure(*chosen, filter, options.run, verdict) : load(options.from, filter, verdict);
  if (!measured) return verdict.exit_code();
  add_experiment(*measured, options.experiment, verdict);
  print(*measured, options.format, verdict);
  const Json figures = to_json(*measured);
  json.write(dump(figures));
  drawings.draw(figures);
  return verdict.exit_code();
}

int bench(BenchOptions options) {
  options.run.time = std::chrono::milliseconds(options.milliseconds);
  const auto filter = NameFilter::create(options.filters);
  if (filter) return bench_all(options, *filter);
  print_error(filter.error().message());
  return kUsage;
}

void add_measuring(CLI::App& command, BenchOptions& options) {
  command.add_option("--filter", options.filters, "only loops whose name matches; may be given again for more")
      ->type_name("RE")
      ->allow_extra_args(false);
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
      ->excludes(loops, list, command.get_option("--time"), command.get_option("--repetitions"));
}

constexpr const char* kExamples = R"(Examples:
  netmem bench
  netmem bench --filter '^cross_core' --filter '^lock$' --repetitions 25
  netmem bench --json figures.json
  netmem bench --from figures.json --report report.html)";

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure the page pool beside what people would use instead");
  add_measuring(*command, *options);
  command->add_option("--format", options->format, "table (default), or kernel: the kernel benchmark's lines")
      ->type_name("NAME")
      ->check(CLI::IsMember({"table", "kernel"}));
  command->add_option("--json", options->json, "write every figure to this file")->type_name("FILE");
  command->add_option("--experiment", options->experiment, "put bench/regression-experiment's figures with them")
      ->type_name("FILE");
  command->add_option("--report", options->report, "draw all of it as one page of HTML; needs gnuplot")
      ->type_name("FILE");
  command->add_option("--picture", options->picture, "draw the loops that say most as an SVG; needs gnuplot")
      ->type_name("FILE");
  command->footer(kExamples);
  command->callback([options, &exit_code] { exit_code = bench(*options); });
}

}  // namespace netmem::tool
