// What `netmem bench` measured.
//
// Threads: any; values.
// Invariant: every loop has at least one repetition, and at least one element in each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loops/loop.h"

namespace netmem::tool {

struct Quantiles {
  double min = 0;
  double median = 0;
  double max = 0;
  double middle_half = 0;  // from the first quartile to the third
};
// REQUIRES: not empty.
Quantiles quantiles(std::vector<double> values);

struct MeasuredLoop {
  std::string name;
  std::string group;
  std::string subject;
  std::string element;
  std::uint64_t batch = 1;
  std::uint64_t producers = 0;
  std::uint64_t pages = 0;
  std::uint64_t page_size = 0;
  std::uint64_t elements = 1;              // in each repetition
  std::vector<bench::Sample> repetitions;  // all elements together
  double bookkeeping = 0;                  // bytes for each page; 0: unknown

  // Of one element.
  [[nodiscard]] Quantiles cycles() const;
  [[nodiscard]] Quantiles nanoseconds() const;
  [[nodiscard]] std::string_view slug() const { return bench::slug_of(name); }
};

// A quotient of two loops, repetition by repetition: both sides were measured within the same moment.
struct MeasuredRatio {
  static constexpr double kWide = 0.10;

  std::string above;
  std::string below;
  Quantiles quotient;
  std::optional<double> target;  // the median should not be above it

  [[nodiscard]] std::string name() const { return above + " : " + below; }
  // The same loop on both kinds of memory.
  [[nodiscard]] bool is_device_to_host() const;
  [[nodiscard]] bool met() const { return !target || quotient.median <= *target; }
  // How far apart the middle half of the quotients lies, as a share of their median.
  [[nodiscard]] double spread() const { return quotient.median > 0 ? quotient.middle_half / quotient.median : 0; }
  // Nothing is concluded from a ratio that spreads widely.
  [[nodiscard]] bool is_wide() const { return spread() > kWide; }
};
// Of the repetitions that both have; empty where a side measured nothing at all.
std::optional<Quantiles> divide(const MeasuredLoop& above, const MeasuredLoop& below);

// A loop that was wanted and could not be run, or a peer none of whose loops could.
struct MissingLoop {
  std::string name;
  std::string reason;
};

struct Machine {
  std::string cpu;
  std::uint64_t processors = 0;
  std::string kernel;
  std::string compiler;
  std::string build;
  bool is_virtual = false;
  std::uint64_t tsc_hz = 0;
  bool constant_tsc = false;
  std::optional<double> others;    // share of the processors that other programs had meanwhile; empty: not known
  std::vector<std::string> notes;  // what a reader of the figures should know
};

struct Measurements {
  std::string netmem;
  std::string commit;  // empty: not known
  std::string date;    // "2026-11-22T23:59:59Z"
  Machine machine;
  std::string unit;
  std::vector<MeasuredLoop> loops;
  std::vector<MissingLoop> missing;

  [[nodiscard]] const MeasuredLoop* find(std::string_view name) const;
  [[nodiscard]] std::uint64_t repetitions() const;
};

}  // namespace netmem::tool
