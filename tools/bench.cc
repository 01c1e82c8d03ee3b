// netmem bench: the loops of the kernel's page_pool benchmark, on host and on device memory, in its output format.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "bench/loops/cycles.h"
#include "netmem/base/units.h"
#include "netmem/providers/device.h"
#include "netmem/providers/host.h"
#include "tools/bench_loops.h"
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

struct Sample {
  std::uint64_t cycles;
  std::uint64_t nanoseconds;
};

// One loop on one kind of memory, and what was measured of it.
struct Measurement {
  const BenchLoop* loop;
  std::string name;
  PagePool* pool;
  std::vector<Sample> samples;

  [[nodiscard]] std::vector<Sample> sorted() const {
    auto all = samples;
    std::ranges::sort(all, {}, &Sample::cycles);
    return all;
  }
};

struct Pools {
  PagePoolPtr host;
  PagePoolPtr device;
};

Result<Pools> make_pools() {
  auto host = make_host_provider({.size = 4 * MiB});
  if (!host) return std::unexpected(host.error());
  auto device = make_memfd_provider({.size = 4 * MiB});
  if (!device) return std::unexpected(device.error());
  auto host_pool = PagePool::create(*host, {.name = "bench host"});
  if (!host_pool) return std::unexpected(host_pool.error());
  auto device_pool = PagePool::create(*device, {.name = "bench device", .allow_unreadable = true});
  if (!device_pool) return std::unexpected(device_pool.error());
  return Pools{std::move(*host_pool), std::move(*device_pool)};
}

std::vector<Measurement> choose(const Pools& pools, const std::string& filter) {
  const std::regex wanted(filter);
  std::vector<Measurement> chosen;
  const auto offer = [&](const BenchLoop& loop, std::string name, PagePool* pool) {
    if (std::regex_search(name, wanted)) chosen.push_back({&loop, std::move(name), pool, {}});
  };
  for (const BenchLoop& loop : bench_loops()) {
    if (!loop.uses_pool) {
      offer(loop, std::string(loop.name), nullptr);
      continue;
    }
    offer(loop, fmt::format("{}/host", loop.name), pools.host.get());
    offer(loop, fmt::format("{}/device", loop.name), pools.device.get());
  }
  return chosen;
}

// A thread that moves between processors in the middle of a loop measures the move.
void stay_on_this_processor() {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(::sched_getcpu(), &here);
  ::sched_setaffinity(0, sizeof here, &here);
}

Sample measure(const Measurement& what, std::uint64_t loops) {
  const auto began = std::chrono::steady_clock::now();
  const std::uint64_t first = netmem::bench::read_cycles();
  what.loop->run(what.pool, loops);
  const std::uint64_t last = netmem::bench::read_cycles();
  const auto took = std::chrono::steady_clock::now() - began;
  return {last - first, static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count())};
}

// Interleaved, so that a machine that slows down slows every loop down.
void measure_all(std::vector<Measurement>& all, std::uint64_t loops) {
  stay_on_this_processor();
  for (Measurement& one : all) one.loop->run(one.pool, std::min<std::uint64_t>(loops, 100'000));
  for (int i = 0; i < kRepetitions; ++i)
    for (Measurement& one : all) one.samples.push_back(measure(one, loops));
}

// time_bench_print_stats() of the kernel's bench library; of the repetition with the median time.
void print_kernel_line(const Measurement& one, std::uint64_t loops) {
  const Sample median = one.sorted()[kRepetitions / 2];
  const std::uint64_t picoseconds = median.nanoseconds * 1000 / loops;
  fmt::print(
      "Type:{} Per elem: {} {} {}.{:03} ns (step:0) - (measurement period time:{}.{:09} sec time_interval:{}) - "
      "(invoke count:{} tsc_interval:{})\n",
      one.name, median.cycles / loops, netmem::bench::kCycleUnit, picoseconds / 1000, picoseconds % 1000,
      median.nanoseconds / 1'000'000'000, median.nanoseconds % 1'000'000'000, median.nanoseconds, loops, median.cycles);
}

const Measurement* find(const std::vector<Measurement>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &Measurement::name);
  return found == all.end() ? nullptr : &*found;
}

struct Ratio {
  std::string name;
  double least, median, most;
};

// Repetition by repetition: both sides of each quotient were measured within the same moment.
std::vector<Ratio> ratios(const std::vector<Measurement>& all) {
  constexpr std::array<std::array<std::string_view, 2>, 6> kPairs = {{
      {"page_pool01_fast_path/host", "array"},
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
    nlohmann::json entry{{"name", one.name}, {"element", one.loop->says}};
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
  auto pools = make_pools();
  if (!pools) {
    print_error(pools.error().message());
    return kFailure;
  }
  std::vector<Measurement> all;
  try {
    all = choose(*pools, options.filter);
  } catch (const std::regex_error&) {
    return usage(fmt::format("\"{}\" is no regular expression", options.filter), "escape ( [ { * + ? with a backslash");
  }
  if (all.empty()) {
    std::string names;
    for (const Measurement& one : choose(*pools, "")) names += " " + one.name;
    return usage(fmt::format("no loop matches \"{}\"", options.filter), "the loops are" + names);
  }
  measure_all(all, options.loops);
  for (const Measurement& one : all) print_kernel_line(one, options.loops);
  print_ratios(ratios(all));
  return options.json.empty() ? kSuccess : write_json(options.json, to_json(all, options.loops));
}

constexpr const char* kExamples = R"(Examples:
  netmem bench
  netmem bench --filter 'fast_path|array' --loops 1000000
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
