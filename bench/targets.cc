#include "bench/targets.h"

#include <algorithm>

namespace netmem::tool {
namespace {

// On the right: what Linux 7.3's page_pool has, measured beside the same baselines.
constexpr LoopTarget kTargets[] = {
    {"page_pool01_fast_path", "page_pool01_fast_path/array", 1.25},
    {"page_pool01_fast_path", "page_pool01_fast_path/dpdk_mempool", 0.45},
    {"page_pool01_fast_path", "atomic_inc", 0.35},  // 0.87
    {"bulk_64", "bulk_64/dpdk_mempool", 1.0},
    {"page_pool02_ptr_ring", "lock", 0.75},  // 1.47
    {"cross_core_64", "cross_core_64/dpdk_mempool", 1.0},
    {"cross_core_64", "cross_core_64/ring", 1.5},
    {"cross_core_1", "cross_core_1/ring", 1.6},  // 7.9
    {"fragment_2048", "atomic_inc", 1.0},        // 1.87
    {"page_pool03_slow", "lock", 3.3},           // 6.5
};

void add(std::vector<MeasuredRatio>& all, const MeasuredLoop* above, const MeasuredLoop* below,
         std::optional<double> target) {
  if (above == nullptr || below == nullptr || above == below) return;
  if (const auto quotient = divide(*above, *below)) all.push_back({above->name, below->name, *quotient, target});
}

bool is_ours(const MeasuredLoop& loop) { return loop.subject.starts_with("netmem"); }

bool has_target(const std::vector<MeasuredRatio>& all, const MeasuredLoop& above, const MeasuredLoop& below) {
  return std::ranges::any_of(
      all, [&](const MeasuredRatio& ratio) { return ratio.above == above.name && ratio.below == below.name; });
}

}  // namespace

std::span<const LoopTarget> targets() { return kTargets; }

std::vector<MeasuredRatio> ratios(const Measurements& measured) {
  std::vector<MeasuredRatio> all;
  for (const LoopTarget& target : kTargets)
    for (const char* memory : {"/host", "/device"})
      add(all, measured.find(std::string(target.group) + memory), measured.find(target.below), target.at_most);
  for (const MeasuredLoop& loop : measured.loops)
    if (is_ours(loop)) add(all, &loop, measured.find(loop.group + "/host"), std::nullopt);
  for (const MeasuredLoop& loop : measured.loops) {
    const MeasuredLoop* host = measured.find(loop.group + "/host");
    if (host != nullptr && !is_ours(loop) && !has_target(all, *host, loop)) add(all, host, &loop, std::nullopt);
  }
  return all;
}

}  // namespace netmem::tool
