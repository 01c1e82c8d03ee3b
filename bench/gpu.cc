// What a GPU's memory costs: gathers beside one copy of as many bytes, copies from the host in the pieces of the staged
// path beside a large one, and digests on the device. In each round everything runs once; ratios are of one round.
//
//   gpu [--device cuda:N|opencl[:P.D]] [--size BYTES] [--rounds N] [--json FILE]
//   gpu --device DEVICE --describe
//
// Ends with 77 where there is no such device. docs/benchmark-gpu.md

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>

#include "bench/gpu/works.h"
#include "bench/json.h"
#include "bench/machine.h"
#include "bench/parse_or_exit.h"
#include "netmem/base/units.h"
#include "netmem/providers/gpu/cuda/cuda.h"
#include "netmem/providers/gpu/opencl/opencl.h"
#include "netmem/providers/spec/memory_spec.h"

using namespace netmem;
using namespace netmem::bench;
using tool::Json;
using tool::Quantiles;

namespace {

constexpr int kNoDevice = 77;

struct Arguments {
  std::string device = "opencl";
  std::string size;  // empty: 1 GiB on a GPU, 64 MiB elsewhere
  std::size_t rounds = 9;
  std::string json;
  bool describe = false;
};

struct Device {
  std::shared_ptr<DeviceApi> api;
  bool gpu = true;     // false: OpenCL on the CPU, say
  std::string driver;  // with its version; empty where nobody says it
};

// Seconds of each round; works in the order in which they were made.
struct Measured {
  GpuWork work;
  std::vector<double> seconds;
  std::vector<double> enqueueing;  // seconds of them, before the device had it all; empty where that means nothing

  [[nodiscard]] double rate(std::size_t round) const { return static_cast<double>(work.bytes) / seconds[round] / 1e9; }
};

// REQUIRES: of cuda or opencl.
Result<Device> open(const MemorySpec& spec) {
  const bool cuda = spec.kind == "cuda";
  auto opened = cuda ? open_cuda(spec.device) : open_opencl(spec.platform, spec.device);
  if (!opened) return std::unexpected(opened.error());
  const auto asked = [&](const OpenClDevice& one) {
    return spec.platform < 0 || (one.platform == spec.platform && one.device == spec.device);
  };
  const auto all = cuda ? std::vector<OpenClDevice>() : opencl_devices().value_or(std::vector<OpenClDevice>());
  const bool gpu = cuda || std::ranges::any_of(all, [&](const OpenClDevice& one) { return one.gpu && asked(one); });
  std::string driver;
  if (cuda) std::getline(std::ifstream("/proc/driver/nvidia/version"), driver);
  return Device{std::move(*opened), gpu, driver};
}

const char* kind_of(bool gpu) { return gpu ? "a GPU" : "not a GPU"; }

int describe(const Device& device) {
  fmt::print("device: {}, {}\n", device.api->describe(), kind_of(device.gpu));
  const auto memory = make_gpu_provider(device.api, {.size = 4 * MiB});
  if (!memory) {
    fmt::print(stderr, "gpu: {}\n", memory.error().message());
    return 1;
  }
  const auto exported = (*memory)->export_dmabuf();
  fmt::print("dma-buf: {}\n", exported ? "exported" : exported.error().message());
  return 0;
}

// Once each, uncounted, with a look at what it left.
Result<void> warm_up(const std::vector<Measured>& all) {
  for (const Measured& one : all) {
    if (auto done = one.work.run(); !done) return done;
    if (auto checked = one.work.check(); !checked) return checked;
  }
  return {};
}

// Each round begins with another work, so that none is always behind the same one.
Result<void> measure(std::vector<Measured>& all, std::size_t rounds, const GpuWorks& works) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::duration time) { return std::chrono::duration<double>(time).count(); };
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < all.size(); ++i) {
      Measured& one = all[(round + i) % all.size()];
      const auto began = Clock::now();
      if (auto done = one.work.run(); !done) return done;
      one.seconds.push_back(seconds(Clock::now() - began));
      if (works.enqueued() > began) one.enqueueing.push_back(seconds(works.enqueued() - began));
    }
  return {};
}

Quantiles rates(const Measured& one) {
  std::vector<double> values;
  for (std::size_t round = 0; round < one.seconds.size(); ++round) values.push_back(one.rate(round));
  return tool::quantiles(std::move(values));
}

// The CPU's part before it waits: "12 %".
std::string enqueueing(const Measured& one) {
  if (one.enqueueing.empty()) return "";
  std::vector<double> shares;
  for (std::size_t round = 0; round < one.enqueueing.size(); ++round)
    shares.push_back(one.enqueueing[round] / one.seconds[round]);
  return fmt::format("{:.0f} %", 100 * tool::quantiles(std::move(shares)).median);
}

Quantiles ratios(const std::vector<Measured>& all, const GpuComparison& comparison) {
  const auto named = [&](const std::string& name) {
    return std::ranges::find(all, name, [](auto& one) { return one.work.name; });
  };
  const auto above = named(comparison.above), below = named(comparison.below);
  std::vector<double> values;
  for (std::size_t round = 0; round < above->seconds.size(); ++round)
    values.push_back(above->rate(round) / below->rate(round));
  return tool::quantiles(std::move(values));
}

Json to_json(const Quantiles& of) { return {{"min", of.min}, {"median", of.median}, {"max", of.max}}; }

Json describe_run(const Arguments& arguments, const Device& device, const GpuWorks& works) {
  const tool::Machine machine = tool::this_machine(tool::read_cpuinfo());
  return {{"schema", 1},
          {"date", tool::date_now()},
          {"commit", tool::built_commit()},
          {"machine",
           {{"cpu", machine.cpu},
            {"processors", machine.processors},
            {"kernel", machine.kernel},
            {"compiler", machine.compiler},
            {"build", machine.build},
            {"virtual", machine.is_virtual}}},
          {"device", device.api->describe()},
          {"driver", device.driver},
          {"gpu", device.gpu},
          {"registered", works.unregistered().empty()},
          {"size", works.size()},
          {"page_size", GpuWorks::kPage},
          {"batch", GpuWorks::kBatch},
          {"under_way", GpuWorks::kUnderWay},
          {"rounds", arguments.rounds}};
}

Json to_json(Json json, const std::vector<Measured>& all) {
  for (const Measured& one : all)
    json["works"].push_back({{"name", one.work.name},
                             {"says", one.work.says},
                             {"bytes", one.work.bytes},
                             {"seconds", one.seconds},
                             {"enqueueing", one.enqueueing},
                             {"gigabytes_per_second", to_json(rates(one))}});
  for (const GpuComparison& one : GpuWorks::comparisons()) {
    Json ratio{{"name", one.says}, {"above", one.above}, {"below", one.below}};
    ratio.update(to_json(ratios(all, one)));
    ratio["target"] = one.target;
    json["ratios"].push_back(ratio);
  }
  return json;
}

void print(const Json& run, const GpuWorks& works, const std::vector<Measured>& all) {
  const Json& machine = run["machine"];
  const auto driver = run["driver"].get<std::string>();
  fmt::print("{}, {}\n", run["device"].get<std::string>(), kind_of(run["gpu"]));
  if (!driver.empty()) fmt::print("{}\n", driver);
  fmt::print("{}, {} processors{}, {}, commit {}, {}\n", machine["cpu"].get<std::string>(),
             machine["processors"].get<std::size_t>(), machine["virtual"] == true ? ", virtual" : "",
             machine["kernel"].get<std::string>(), run["commit"].get<std::string>(), run["date"].get<std::string>());
  fmt::print("{} of memory in {} pages, {} rounds\n", format_size(works.size()), format_size(GpuWorks::kPage),
             run["rounds"].get<std::size_t>());
  if (!works.unregistered().empty()) fmt::print("host memory is not registered: {}\n", works.unregistered());
  fmt::print("\n{:16} {:>8} {:>8} {:>8} {:>10}  GB/s\n", "", "min", "median", "max", "enqueueing");
  for (const Measured& one : all) {
    const Quantiles rate = rates(one);
    fmt::print("{:16} {:8.2f} {:8.2f} {:8.2f} {:>10}  {}\n", one.work.name, rate.min, rate.median, rate.max,
               enqueueing(one), one.work.says);
  }
  fmt::print("\n{:42} {:>6} {:>6} {:>6}  of two rates in one round\n", "", "min", "median", "max");
  for (const GpuComparison& one : GpuWorks::comparisons()) {
    const Quantiles ratio = ratios(all, one);
    fmt::print("{:42} {:6.3f} {:6.3f} {:6.3f}  target {}: {}\n", one.says, ratio.min, ratio.median, ratio.max,
               one.target, ratio.median >= one.target ? "met" : "missed");
  }
}

Result<void> run(const Arguments& arguments, const Device& device) {
  std::size_t size = device.gpu ? GiB : 64 * MiB;
  if (!arguments.size.empty()) {
    const auto asked = parse_size(arguments.size);
    if (!asked) return std::unexpected(asked.error());
    size = *asked;
  }
  const auto works = GpuWorks::create(device.api, size);
  if (!works) return std::unexpected(works.error());
  std::vector<Measured> all;
  for (GpuWork& work : (*works)->all()) all.push_back({std::move(work), {}, {}});
  if (auto warm = warm_up(all); !warm) return warm;
  if (auto measured = measure(all, arguments.rounds, **works); !measured) return measured;
  const Json about = describe_run(arguments, device, **works);
  print(about, **works, all);
  if (arguments.json.empty()) return {};
  std::ofstream file(arguments.json);
  file << to_json(about, all).dump(2) << '\n';
  file.close();
  return file ? Result<void>() : system_error("write " + arguments.json);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Measures copies, gathers and digests on a GPU");
  app.add_option("--device", arguments.device, "cuda:N or opencl[:PLATFORM.DEVICE] (default: opencl)");
  app.add_option("--size", arguments.size,
                 "bytes of memory, three times on the device (default: 1G on a GPU, else 64M)");
  app.add_option("--rounds", arguments.rounds, "default: 9")->check(CLI::Range(1, 10'000));
  app.add_option("--json", arguments.json, "write all figures there")->type_name("FILE");
  app.add_flag("--describe", arguments.describe, "only say what the device is and whether it exports dma-bufs");
  parse_or_exit(app, argc, argv);
  const Result<MemorySpec> spec = parse_memory_spec(arguments.device + ":4K");
  if (!spec || (spec->kind != "cuda" && spec->kind != "opencl")) {
    fmt::print(stderr, "gpu: cannot understand --device {}: it is cuda:N or opencl[:PLATFORM.DEVICE]\n",
               arguments.device);
    return kUsage;
  }
  const Result<Device> device = open(*spec);
  if (!device) {
    fmt::print(stderr, "gpu: {}\n", device.error().message());
    return kNoDevice;
  }
  if (arguments.describe) return describe(*device);
  const Result<void> done = run(arguments, *device);
  if (!done) fmt::print(stderr, "gpu: {}\n", done.error().message());
  return done ? 0 : 1;
}
