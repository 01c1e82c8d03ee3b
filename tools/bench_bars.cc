#include "tools/bench_bars.h"

#include <algorithm>
#include <array>
#include <utility>

namespace netmem::tool {
namespace {

constexpr double kMostNoise = 1.5;  // a whisker may be so many times the longest bar; longer ones are cut off
constexpr double kLongest = 12;     // a bar may be so many times netmem's; longer ones are broken

Ink ink_of(const LoopFigures& loop) {
  if (kind_of(loop) == Kind::floor) return Ink::floor;
  if (kind_of(loop) == Kind::peer) return Ink::peer;
  if (loop.slug() == "device") return Ink::device;
  return loop.slug() == "host" ? Ink::host : Ink::huge;
}

}  // namespace

Kind kind_of(const LoopFigures& loop) {
  const auto slug = loop.slug();
  if (slug == "array" || slug == "ring" || loop.group == "baseline") return Kind::floor;
  return loop.subject.starts_with("netmem") ? Kind::netmem : Kind::peer;
}

std::vector<const LoopFigures*> in_order(std::vector<const LoopFigures*> loops) {
  std::ranges::stable_sort(loops, [](const LoopFigures* a, const LoopFigures* b) {
    if (kind_of(*a) != kind_of(*b)) return kind_of(*a) < kind_of(*b);
    return kind_of(*a) == Kind::peer && a->cycles.median.value < b->cycles.median.value;
  });
  return loops;
}

std::vector<Bar> bars_of(const Figures& figures, const std::vector<const LoopFigures*>& loops) {
  std::vector<Bar> bars;
  bars.reserve(loops.size());
  for (const LoopFigures* loop : loops)
    bars.push_back({.label = label_of(figures, *loop),
                    .value = format_short(loop->cycles.median.value),
                    .low = loop->cycles.min.value,
                    .middle = loop->cycles.median.value,
                    .high = loop->cycles.max.value,
                    .ink = ink_of(*loop),
                    .strong = kind_of(*loop) == Kind::netmem});
  return bars;
}

double end_of(const std::vector<const LoopFigures*>& loops) {
  double longest = 0;
  double median = 0;
  double ours = 0;
  for (const LoopFigures* loop : loops) {
    longest = std::max(longest, loop->cycles.max.value);
    median = std::max(median, loop->cycles.median.value);
    if (kind_of(*loop) == Kind::netmem) ours = std::max(ours, loop->cycles.median.value);
  }
  longest = std::min(longest, kMostNoise * median);
  return (ours > 0 ? std::min(longest, kLongest * ours) : longest) * 1.02;
}

std::string title_of_group(std::string_view group) {
  constexpr std::array<std::pair<std::string_view, const char*>, 14> kTitles = {{
      {"page_pool01_fast_path", "Alloc and recycle, on the consumer"},
      {"page_pool02_ptr_ring", "Through the return ring"},
      {"page_pool03_slow", "Through the provider, page by page"},
      {"alloc_drop", "Alloc and drop"},
      {"baseline", "What this machine charges"},
      {"cross_core_1", "Back from another core, one by one"},
      {"cross_core_64_from_", "Back from {} other cores, 64 at once"},
      {"cross_core_", "Back from another core, {} at once"},
      {"burst_", "Bursts of {}"},
      {"bulk_", "In bulk, {} at once"},
      {"fragment_", "Fragments of {} bytes"},
      {"shared_", "Pages with {} references"},
      {"page_size_", "Pages of {}"},
      {"pool_of_", "Pools of {} pages"},
  }};
  for (const auto& [prefix, title] : kTitles) {
    if (group == prefix) return title;
    const std::string_view text = title;
    const std::size_t gap = text.find("{}");
    if (gap == std::string_view::npos || !group.starts_with(prefix)) continue;
    return std::string(text.substr(0, gap)) + std::string(group.substr(prefix.size())) +
           std::string(text.substr(gap + 2));
  }
  return std::string(group);
}

std::string label_of(const Figures& figures, const LoopFigures& loop) {
  const auto same = [&](const LoopFigures& other) {
    return other.group == loop.group && other.subject == loop.subject;
  };
  return loop.subject.empty() || std::ranges::count_if(figures.loops, same) > 1 ? loop.name : loop.subject;
}

}  // namespace netmem::tool
