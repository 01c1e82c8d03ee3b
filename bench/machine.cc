#include "bench/machine.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <iterator>
#include <numeric>
#include <sstream>
#include <thread>

#include "bench/loops/cycles.h"
#include "bench/loops/processors.h"
#include "netmem_commit.h"

namespace netmem::tool {
namespace {

// The value of the first line "KEY : VALUE".
std::string_view value_of(std::string_view cpuinfo, std::string_view key) {
  while (!cpuinfo.empty()) {
    const std::size_t end = cpuinfo.find('\n');
    const std::string_view line = cpuinfo.substr(0, end);
    cpuinfo.remove_prefix(end == std::string_view::npos ? cpuinfo.size() : end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !line.starts_with(key)) continue;
    if (line.substr(key.size(), colon - key.size()).find_first_not_of(" \t") != std::string_view::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string_view::npos ? std::string_view() : line.substr(begin);
  }
  return {};
}

bool has_flag(std::string_view cpuinfo, std::string_view flag) {
  std::istringstream flags{std::string(value_of(cpuinfo, "flags"))};
  return std::find(std::istream_iterator<std::string>(flags), {}, flag) != std::istream_iterator<std::string>();
}

std::string compiler() {
#if defined(__clang__)
  return "clang++ " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

void add_notes(Machine& machine) {
  if (machine.build != "Release") machine.notes.push_back("built as " + machine.build + ", not as Release");
  if (!machine.constant_tsc)
    machine.notes.emplace_back("no constant TSC: cycles of different moments are not the same");
}

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Seconds of processor time that this process has had.
double own_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

bool has_constant_tsc([[maybe_unused]] std::string_view cpuinfo) {
#if defined(__x86_64__)
  return has_flag(cpuinfo, "constant_tsc") && has_flag(cpuinfo, "nonstop_tsc");
#else
  return true;  // Arm's counter ticks at one rate by definition
#endif
}

std::string read_cpuinfo() { return read_file("/proc/cpuinfo"); }

Machine this_machine(std::string_view cpuinfo) {
  utsname system{};
  ::uname(&system);
  Machine machine;
  machine.cpu = value_of(cpuinfo, "model name");
  if (machine.cpu.empty()) machine.cpu = system.machine;
  machine.processors = bench::processors().size();
  machine.kernel = std::string(system.sysname) + " " + system.release;
  machine.compiler = compiler();
  machine.build = NETMEM_BUILD_TYPE;
  machine.is_virtual = has_flag(cpuinfo, "hypervisor");
  machine.constant_tsc = has_constant_tsc(cpuinfo);
  add_notes(machine);
  return machine;
}

std::string built_commit() { return NETMEM_COMMIT; }

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

TscClock::TscClock() : began_(std::chrono::steady_clock::now()), first_(bench::read_cycles()) {}

std::uint64_t TscClock::hz() const {
  std::this_thread::sleep_until(began_ + kLeast);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  return static_cast<std::uint64_t>(static_cast<double>(bench::read_cycles() - first_) / seconds);
}

std::optional<ProcessorTime> processor_time(std::string_view proc_stat) {
  std::istringstream line{std::string(proc_stat.substr(0, proc_stat.find('\n')))};
  std::string name;
  // user, nice, system, idle, iowait, irq, softirq, steal (man 5 proc)
  std::array<double, 8> ticks{};
  line >> name;
  for (double& one : ticks) line >> one;
  if (!line || name != "cpu") return std::nullopt;
  const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double all = std::accumulate(ticks.begin(), ticks.end(), 0.0);
  return ProcessorTime{(all - ticks[3] - ticks[4]) / per_second, all / per_second};
}

OtherPrograms::OtherPrograms() : first_(processor_time(read_file("/proc/stat"))), own_(own_time()) {}

std::optional<double> OtherPrograms::share() const {
  const auto now = processor_time(read_file("/proc/stat"));
  if (!first_ || !now || now->all <= first_->all) return std::nullopt;
  const double others = now->busy - first_->busy - (own_time() - own_);
  return std::max(0.0, others) / (now->all - first_->all);
}

}  // namespace netmem::tool
