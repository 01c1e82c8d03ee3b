// What the figures of a benchmark come to, in words and in a few large numbers. Any thread.
#pragma once

#include <string>
#include <vector>

#include "tools/bench_figures.h"

namespace netmem::tool {

// One sentence: does device memory cost anything, and how many targets are met.
std::string verdict(const Figures& figures);
// The targets that are not, each with its figure; empty when there are none.
std::string targets_not_met(const Figures& figures);

struct Highlight {
  std::string figure;  // "0.98"
  std::string unit;    // "x", "cycles"
  std::string says;    // "device : host, alloc and recycle (0.93 to 1.02)"
};

// Those for which there are figures.
std::vector<Highlight> highlights(const Figures& figures);

}  // namespace netmem::tool
