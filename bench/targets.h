// What the loops are compared with, and how much more they may cost.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "bench/results.h"

namespace netmem::tool {

// The loop of this group, on host memory and on device memory alike, should cost at most this many times the other one.
struct LoopTarget {
  std::string_view group;
  std::string_view below;
  double at_most;
};
std::span<const LoopTarget> targets();

// Bytes of bookkeeping for each page, everything included. A small pool's fixed cost is spread over too few pages.
inline constexpr double kMostBookkeeping = 80;
inline constexpr std::uint64_t kFewestPagesForIt = 16 * 1024;

// Those with a target; then, group by group, other memory : host memory; then host memory : everybody else.
std::vector<MeasuredRatio> ratios(const Measurements& measured);

}  // namespace netmem::tool
