// The machine that figures come from, and how fast its cycle counter ticks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/results.h"

namespace netmem::tool {

// `cpuinfo`: the content of /proc/cpuinfo.
// Whether the counter ticks at one rate, whatever the processor does. Always, where it is no TSC.
bool has_constant_tsc(std::string_view cpuinfo);

// All but tsc_hz. Any thread, before it is pinned.
Machine this_machine(std::string_view cpuinfo);
std::string read_cpuinfo();

// Commit of the sources that were built; with "-dirty" when they were changed since; empty when that is not known.
std::string built_commit();

// "2026-11-22T23:59:59Z"
std::string date_now();

// Counts ticks against CLOCK_MONOTONIC from its making to hz(), but for 50 ms at least.
class TscClock {
 public:
  TscClock();
  [[nodiscard]] std::uint64_t hz() const;

 private:
  static constexpr std::chrono::milliseconds kLeast{50};

  std::chrono::steady_clock::time_point began_;
  std::uint64_t first_;
};

// What the processors did since they started, in seconds; empty where `proc_stat`, the content of /proc/stat, does not
// say. Busy: not idle, so time that a hypervisor gave to other guests counts.
struct ProcessorTime {
  double busy = 0;
  double all = 0;
};
std::optional<ProcessorTime> processor_time(std::string_view proc_stat);

// Which share of the processors' time other programs had since its making; empty where the kernel does not say.
class OtherPrograms {
 public:
  OtherPrograms();
  [[nodiscard]] std::optional<double> share() const;

 private:
  std::optional<ProcessorTime> first_;
  double own_;
};

}  // namespace netmem::tool
