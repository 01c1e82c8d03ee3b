// The figures of `netmem bench --json` (schema 1), read back and checked: who draws or prints them can rely on every
// number being there and finite.
//
// Threads: any; values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/loops/loop.h"
#include "netmem/base/error.h"
#include "tools/report.h"

namespace netmem::tool {

// How the report writes a number of the JSON, so that each can be found in it. An integer: its digits, in groups of
// three from five digits on ("4096", "2,596,000,000"). What is written with a point or an exponent: three significant
// digits ("0.0123", "12,346"), but three decimals where those round to 1.00 or more and it is below 2 ("1.004"), for
// ratios are; below 0.000001 and from 10^15 on two decimals and an exponent ("1.23e-09"). Zero with a point: "0.00".
std::string format_figure(const Json& number);

// For charts and headlines, where the tables have it better: three significant digits.
std::string format_short(double value);

struct Number {
  double value = 0;
  std::string text;  // format_figure()
};

struct Spread {
  Number min, median, max;
};

struct LoopFigures {
  std::string name;
  std::string group;
  std::string subject;
  std::string element;
  Number batch, producers, pages, page_size, elements;
  std::vector<std::pair<Number, Number>> repetitions;  // cycles, nanoseconds; all elements together
  Spread cycles, nanoseconds;                          // of one element
  Number bookkeeping;                                  // bytes a page; 0: unknown

  [[nodiscard]] std::string_view slug() const { return bench::slug_of(name); }
};

struct RatioFigures {
  std::string name, above, below;
  Spread spread;
  std::optional<Number> target;
  std::optional<bool> met;

  // Device memory above, host memory below, the same work.
  [[nodiscard]] bool is_device_to_host() const;
};

struct MissingFigures {
  std::string name, reason;
};

// What the experiment found of a loop in a build. Instructions need valgrind; the rest is empty when only they were
// counted.
struct BuildFigures {
  std::string build;
  std::optional<Number> instructions;
  std::optional<Spread> cycles;
  std::optional<Spread> ratio;  // low, median, high of the confidence interval
  std::string verdict;
};

// What schema 1 does not name.
using Members = std::vector<std::pair<std::string, Json>>;

struct ExperimentFigures {
  struct Build {
    std::string name, says;
  };
  struct Loop {
    std::string name;
    std::vector<BuildFigures> builds;
  };
  std::string date, commit, says;
  Number rounds, confidence, margin;
  Members more;
  std::vector<Build> builds;
  std::vector<Loop> loops;

  // What the build is, for people; its name when that is not said.
  [[nodiscard]] std::string_view says_of(std::string_view build) const;
};

struct Figures {
  std::string version, commit, date, unit;
  Number schema, repetitions;
  Json machine;  // an object
  Members more;

  std::vector<LoopFigures> loops;
  std::vector<RatioFigures> ratios;
  std::vector<MissingFigures> missing;
  std::optional<ExperimentFigures> experiment;

  // The groups, in the order of their first loops.
  [[nodiscard]] std::vector<std::string> groups() const;
  [[nodiscard]] std::vector<const LoopFigures*> of_group(std::string_view group) const;
  [[nodiscard]] const LoopFigures* find(std::string_view name) const;
};

// Refuses what is no schema 1, or has a figure missing, negative or no number, and says where.
Result<Figures> read_figures(const Json& json);

}  // namespace netmem::tool
