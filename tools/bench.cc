// netmem bench: the loops of the kernel's page_pool benchmark, on host and on device memory, in its output format.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "bench/loops/cycles.h"
#include "bench/loops/loops.h"
#include "bench/loops/processors.h"
#include "tools/commands.h"
#include "tools/report.h"

namespace netmem::tool {
namespace {

constexpr int kRepetitions = 7;

struct BenchOptions {
  std::string filter;
  std::uint64_t loops = 10'000'000;
  std::string json;
};

using netmem::bench::LoopSpec;
using netmem::bench::Sample;

struct Measurement {
  LoopSpec spec;
  std::unique_ptr<netmem::bench::Loop> loop;
  std::vector<Sample> samples;

  [[nodiscard]] std::vector<Sample> sorted() const {
    auto all = samples;
    std::ranges::sort(all, {}, &Sample::cycles);
    return all;
  }
};

netmem::bench::LoopList every_loop() {
  auto all = netmem::bench::baseline_loops();
  std::ranges::move(netmem::bench::pool_loops(), std::back_inserter(all));
  std::ranges::move(netmem::bench::cross_core_loops(), std::back_inserter(all));
  return all;
}

std::vector<Measurement> choose(const std::string& filter) {
  const std::regex wanted(filter);
  std::vector<Measurement> chosen;
  for (LoopSpec& spec : every_loop())
    if (std::regex_search(spec.name, wanted)) chosen.push_back({std::move(spec), nullptr, {}});
  return chosen;
}

// Takes away those that cannot run here; whether all of them can.
bool make_all(std::vector<Measurement>& all) {
  for (Measurement& one : all) {
    auto made = one.spec.make();
    if (made) {
      one.loop = std::move(*made);
    } else {
      print_error(one.spec.name + ": " + made.error().message());
    }
  }
  return std::erase_if(all, [](const Measurement& one) { return one.loop == nullptr; }) == 0;
}

// Interleaved, so that a machine that slows down slows every loop down.
void measure_all(std::vector<Measurement>& all, std::uint64_t loops) {
  for (Measurement& one : all) one.loop->run(std::min<std::uint64_t>(loops, 100'000));
  for (int i = 0; i < kRepetitions; ++i)
    for (Measurement& one : all) one.samples.push_back(one.loop->run(loops));
}

// time_bench_print_stats() of the kernel's bench library; of the repetition with the median time.
void print_kernel_line(const Measurement& one, std::uint64_t loops) {
  const Sample median = one.sorted()[kRepetitions / 2];
  const std::uint64_t picoseconds = median.nanoseconds * 1000 / loops;
  fmt::print(
      "Type:{} Per elem: {} {} {}.{:03} ns (step:0) - (measurement period time:{}.{:09} sec time_interval:{}) - "
      "(invoke count:{} tsc_interval:{})\n",
      one.spec.name, median.cycles / loops, netmem::bench::kCycleUnit, picoseconds / 1000, picoseconds % 1000,
      median.nanoseconds / 1'000'000'000, median.nanoseconds % 1'000'000'000, median.nanoseconds, loops, median.cycles);
}

const Measurement* find(const std::vector<Measurement>& all, std::string_view name) {
  const auto found =
      std::ranges::find(all, name, [](const Measurement& one) -> std::string_view { return one.spec.name; });
  return found == all.end() ? nullptr : &*found;
}

struct Ratio {
  std::string name;
  double least, median, most;
};

// Repetition by repetition: both sides of each quotient were measured within the same moment.
std::vector<Ratio> ratios(const std::vector<Measurement>& all) {
  constexpr std::array<std::array<std::string_view, 2>, 6> kPairs = {{
      {"page_pool01_fast_path/host", "page_pool01_fast_path/array"},
      {"page_pool01_fast_path/device", "page_pool01_fast_path/host"},
      {"page_pool02_ptr_ring/host", "lock"},
      {"page_pool02_ptr_ring/device", "page_pool02_ptr_ring/host"},
      {"page_pool03_slow/host", "lock"},
      {"page_pool03_slow/device", "page_pool03_slow/host"},
  }};
  std::vector<Ratio> found;
  for (const auto& [above, below] : kPairs) {
    const Measurement* a = find(all, above);
    const Measurement* b = find(all, below);
    if (a == nullptr || b == nullptr) continue;
    std::vector<double> quotients;
    quotients.reserve(a->samples.size());
    for (std::size_t i = 0; i < a->samples.size(); ++i)
      quotients.push_back(static_cast<double>(a->samples[i].cycles) / static_cast<double>(b->samples[i].cycles));
    std::ranges::sort(quotients);
    found.push_back(
        {fmt::format("{} : {}", above, below), quotients.front(), quotients[quotients.size() / 2], quotients.back()});
  }
  return found;
}

void print_ratios(const std::vector<Ratio>& found) {
  if (found.empty()) return;
  fmt::print("\n{:62} {:>6} {:>6} {:>6}\n", fmt::format("Ratios of {} interleaved repetitions", kRepetitions), "min",
             "median", "max");
  for (const Ratio& ratio : found)
    fmt::print("{:62} {:6.2f} {:6.2f} {:6.2f}\n", ratio.name, ratio.least, ratio.median, ratio.most);
}

nlohmann::json to_json(const std::vector<Measurement>& all, std::uint64_t loops) {
  nlohmann::json json{{"netmem", NETMEM_VERSION}, {"unit", netmem::bench::kCycleUnit}, {"loops", loops}};
  for (const Measurement& one : all) {
    nlohmann::json entry{{"name", one.spec.name}, {"element", one.spec.element}};
    for (const Sample& sample : one.samples)
      entry["repetitions"].push_back({{"cycles", sample.cycles}, {"nanoseconds", sample.nanoseconds}});
    const auto sorted = one.sorted();
    const auto each = [&](const Sample& sample) {
      return static_cast<double>(sample.cycles) / static_cast<double>(loops);
    };
    entry["cycles_per_element"] = {
        {"min", each(sorted.front())}, {"median", each(sorted[kRepetitions / 2])}, {"max", each(sorted.back())}};
    json["measurements"].push_back(entry);
  }
  for (const Ratio& ratio : ratios(all))
    json["ratios"].push_back(
        {{"name", ratio.name}, {"min", ratio.least}, {"median", ratio.median}, {"max", ratio.most}});
  return json;
}

int write_json(const std::string& path, const nlohmann::json& json) {
  errno = 0;
  std::ofstream file(path);
  file << json.dump(2) << '\n';
  file.close();
  if (file) return kSuccess;
  print_error(system_error("write the figures to " + path, "choose a file that can be written").error().message());
  return kFailure;
}

int usage(const std::string& reason, const std::string& advice) {
  print_error("cannot run netmem bench: " + reason + "; " + advice);
  return kUsage;
}

int bench(const BenchOptions& options) {
  netmem::bench::pin(0);
  std::vector<Measurement> all;
  try {
    all = choose(options.filter);
  } catch (const std::regex_error&) {
    return usage(fmt::format("\"{}\" is no regular expression", options.filter), "escape ( [ { * + ? with a backslash");
  }
  if (all.empty()) {
    std::string names;
    for (const Measurement& one : choose("")) names += " " + one.spec.name;
    return usage(fmt::format("no loop matches \"{}\"", options.filter), "the loops are" + names);
  }
  const bool complete = make_all(all);
  measure_all(all, options.loops);
  for (const Measurement& one : all) print_kernel_line(one, options.loops);
  print_ratios(ratios(all));
  const int written = options.json.empty() ? kSuccess : write_json(options.json, to_json(all, options.loops));
  return complete ? written : kFailure;
}

constexpr const char* kExamples = R"(Examples:
  netmem bench
  netmem bench --filter 'fast_path' --loops 1000000
  netmem bench --json figures.json)";

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure the page pool beside the kernel benchmark's baselines");
  command->add_option("--filter", options->filter, "only loops whose name matches this regular expression")
      ->type_name("RE");
  command->add_option("--loops", options->loops, "elements in each of the 7 repetitions (10000000)")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  command->add_option("--json", options->json, "write every figure to this file")->type_name("FILE");
  command->footer(kExamples);
  command->callback([options, &exit_code] { exit_code = bench(*options); });
}

}  // namespace netmem::tool
