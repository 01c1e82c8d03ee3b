// What the figures of a benchmark come to, in a sentence. Any thread.
//
// 1. Where the machine had other work, or the figures spread widely, there is no verdict, and the sentence says why.
// 2. A ratio that spreads widely does not count in a verdict, and the sentence says how many those are.
#pragma once

#include <string>

#include "bench/results.h"

namespace netmem::tool {

struct Verdict {
  bool given = false;
  std::string says;
};

// Does device memory cost anything, and how many targets are met?
Verdict verdict(const Measurements& measured);

// Other programs may have this share of the processors.
inline constexpr double kMostOthers = 0.05;

}  // namespace netmem::tool
