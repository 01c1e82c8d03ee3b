#include "tools/bench_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "tools/bench_bars.h"
#include "tools/bench_targets.h"
#include "tools/plots.h"

namespace netmem::tool {
namespace {

constexpr int kWidth = 320;  // of a chart: readable on a phone as it is
constexpr int kLinesHeight = 210;
constexpr std::size_t kMostPeers = 4;

std::string note_on(const std::vector<Bar>& bars, double end) {
  if (std::ranges::any_of(bars, [&](const Bar& bar) { return bar.middle > end; }))
    return "A broken bar goes on: its number counts.";
  if (std::ranges::any_of(bars, [&](const Bar& bar) { return bar.high > end; }))
    return "A whisker at the edge goes on: the tables have it.";
  return "";
}

std::string in_words(const std::string& title, const char* what, const std::vector<Bar>& bars) {
  std::string says = fmt::format("{}, {}: ", title, what);
  for (const Bar& bar : bars) says += fmt::format("{}{} {}", &bar == &bars.front() ? "" : "; ", bar.label, bar.value);
  return says;
}

Chart bar_chart(Drawing& drawing, const Figures& figures, const std::string& group) {
  const auto loops = in_order(figures.of_group(group));
  const auto bars = bars_of(figures, loops);
  const double end = end_of(loops);
  Chart chart{.title = title_of_group(group),
              .code = group,
              .says = "cycles for one: " + loops.front()->element,
              .keys = {},
              .inks = {},
              .note = note_on(bars, end),
              .drawing = drawing.count()};
  if (group == "baseline") chart.says = "cycles for one";
  for (const Bar& bar : bars) chart.inks.insert(bar.ink);
  const Canvas canvas{kWidth, height_of_bars(bars.size())};
  drawing.begin(canvas.width, canvas.height, in_words(chart.title, "median cycles per element", bars));
  put_bars(drawing, canvas, {4, 0, kWidth - 16, canvas.height}, bars, end);
  return chart;
}

bool is_drawn_as_line(std::string_view group) {
  return group.starts_with("pool_of_") || group.starts_with("page_size_");
}

template <class Wanted>
std::vector<Chart> bar_charts(Drawing& drawing, const Figures& figures, Wanted&& wanted) {
  std::vector<Chart> charts;
  for (const std::string& group : figures.groups())
    if (wanted(std::string_view(group))) charts.push_back(bar_chart(drawing, figures, group));
  return charts;
}

// "64", "4K", "1M": powers of 1024 where nothing is lost.
std::string short_number(double value) {
  constexpr std::array<const char*, 5> kUnits = {"", "K", "M", "G", "T"};
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && value >= 1024 && std::fmod(value, 1024) == 0) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.0f}{}", value, kUnits[unit]);
}

// One figure of the loops of some groups against another.
struct Curves {
  std::string title;
  std::string says;
  std::string prefix;                  // of the groups
  const Number LoopFigures::* across;  // its logarithm is x
  bool from_producers = false;         // whether groups with several producers belong to it
  bool bookkeeping = false;            // bytes, not cycles
};

bool belongs(const Curves& curves, const LoopFigures& loop) {
  const std::string_view group = loop.group;
  if (!group.starts_with(curves.prefix) || !((loop.*curves.across).value > 0)) return false;
  if (curves.bookkeeping && !(loop.bookkeeping.value > 0)) return false;
  const std::string_view rest = group.substr(curves.prefix.size());
  return curves.from_producers ? rest.empty() || rest.starts_with("_from_") : rest.find("_from_") == rest.npos;
}

struct Curve {
  const LoopFigures* first = nullptr;
  std::vector<Series::Point> points;
};

std::vector<Curve> curves_of(const Figures& figures, const Curves& what) {
  std::vector<Curve> all;
  for (const LoopFigures& loop : figures.loops) {
    if (!belongs(what, loop)) continue;
    auto found = std::ranges::find_if(all, [&](const Curve& one) { return one.first->slug() == loop.slug(); });
    if (found == all.end()) found = all.insert(all.end(), {&loop, {}});
    const double x = std::log2((loop.*what.across).value);
    const double bytes = loop.bookkeeping.value;
    found->points.push_back(
        what.bookkeeping ? Series::Point{x, bytes, bytes, bytes}
                         : Series::Point{x, loop.cycles.min.value, loop.cycles.median.value, loop.cycles.max.value});
  }
  std::erase_if(all, [](const Curve& one) { return one.points.size() < 2; });
  for (Curve& one : all) std::ranges::sort(one.points, {}, &Series::Point::x);
  return all;
}

// The fastest of the peers only: more lines than these nobody can follow.
std::size_t keep_the_best(std::vector<Curve>& all) {
  std::vector<double> peers;
  for (const Curve& one : all)
    if (kind_of(*one.first) == Kind::peer) peers.push_back(one.points.back().middle);
  if (peers.size() <= kMostPeers) return 0;
  std::ranges::sort(peers);
  const double worst = peers[kMostPeers - 1];
  return std::erase_if(
      all, [&](const Curve& one) { return kind_of(*one.first) == Kind::peer && one.points.back().middle > worst; });
}

struct Look {
  Ink ink;
  int shape;
  double size;
  const char* mark;
};

Look look_of(const LoopFigures& loop, std::size_t& peers) {
  constexpr std::array<Look, kMostPeers> kPeers = {
      {{Ink::one, 9, 0.7, "▲"}, {Ink::two, 13, 0.7, "◆"}, {Ink::three, 11, 0.7, "▼"}, {Ink::four, 8, 0.8, "△"}}};
  if (kind_of(loop) == Kind::peer) return kPeers.at(peers++ % kPeers.size());
  if (kind_of(loop) == Kind::floor) return {Ink::floor, 4, 0.7, "□"};
  if (loop.slug() == "device") return {Ink::device, 6, 1.1, "○"};
  if (loop.slug() == "host") return {Ink::host, 7, 0.5, "●"};
  return loop.slug() == "huge" ? Look{Ink::huge, 5, 0.6, "■"} : Look{Ink::huge, 12, 0.8, "◇"};
}

// The order of drawing. Host memory comes last, thinner than device memory: where both are the same both are seen.
int layer_of(const LoopFigures& loop) {
  if (kind_of(loop) != Kind::netmem) return 0;
  return loop.slug() == "host" ? 3 : loop.slug() == "device" ? 2 : 1;
}

double width_of(const LoopFigures& loop) {
  if (kind_of(loop) != Kind::netmem) return 1.2;
  return loop.slug() == "device" ? 3.4 : 1.6;
}

std::vector<Tick> ticks_of(const std::vector<Curve>& all) {
  std::map<double, std::string> ticks;
  for (const Curve& one : all)
    for (const auto& point : one.points) ticks[point.x] = short_number(std::round(std::exp2(point.x)));
  std::vector<Tick> found;
  found.reserve(ticks.size());
  for (const auto& [at, label] : ticks) found.push_back({at, label});
  return found;
}

std::optional<Chart> line_chart(Drawing& drawing, const Figures& figures, const Curves& what) {
  auto curves = curves_of(figures, what);
  const auto ticks = ticks_of(curves);
  if (ticks.size() < 2) return std::nullopt;
  const std::size_t left_out = keep_the_best(curves);
  Chart chart{.title = what.title,
              .code = "",
              .says = what.says,
              .keys = {},
              .inks = {},
              .note = "",
              .drawing = drawing.count()};
  if (left_out == 1) chart.note = "The slowest is in the tables only.";
  if (left_out > 1) chart.note = fmt::format("The {} slowest are in the tables only.", left_out);
  if (what.bookkeeping) chart.note = fmt::format("The broken line is the target: {} bytes.", kMostBookkeeping);
  std::ranges::stable_sort(curves, {}, [](const Curve& one) { return kind_of(*one.first); });
  std::vector<std::pair<int, Series>> layers;
  std::size_t peers = 0;
  for (const Curve& one : curves) {
    const Look look = look_of(*one.first, peers);
    layers.push_back({layer_of(*one.first), {look.ink, look.shape, look.size, width_of(*one.first), one.points}});
    chart.keys.push_back({look.mark, look.ink, label_of(figures, *one.first)});
  }
  std::ranges::stable_sort(layers, {}, &std::pair<int, Series>::first);
  std::vector<Series> series;
  series.reserve(layers.size());
  for (auto& [layer, one] : layers) series.push_back(std::move(one));
  drawing.begin(kWidth, kLinesHeight, what.title + ": " + what.says + "; the tables below have the numbers");
  put_lines(drawing, {kWidth, kLinesHeight}, {38, 8, kWidth - 50, kLinesHeight - 34}, series, ticks,
            what.bookkeeping ? kMostBookkeeping : 0);
  return chart;
}

std::string with_spaces(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

Ink ink_of_verdict(std::string_view verdict) {
  if (verdict == "slower") return Ink::two;
  return verdict == "faster" ? Ink::one : Ink::host;
}

}  // namespace

std::vector<Chart> consumer_charts(Drawing& drawing, const Figures& figures) {
  return bar_charts(drawing, figures, [](std::string_view group) {
    return !group.starts_with("cross_core_") && group != "baseline" && !is_drawn_as_line(group);
  });
}

std::vector<Chart> cross_core_charts(Drawing& drawing, const Figures& figures) {
  return bar_charts(drawing, figures, [](std::string_view group) { return group.starts_with("cross_core_"); });
}

std::vector<Chart> baseline_charts(Drawing& drawing, const Figures& figures) {
  return bar_charts(drawing, figures, [](std::string_view group) { return group == "baseline"; });
}

std::vector<Chart> size_charts(Drawing& drawing, const Figures& figures) {
  const std::vector<Curves> all = {
      {"Pool size", "cycles for one, against the pages of the pool", "pool_of_", &LoopFigures::pages},
      {"Bookkeeping", "bytes a page, against the pages of the pool", "pool_of_", &LoopFigures::pages, false, true},
      {"Producers", "cycles for one returned in batches of 64, against the threads that return", "cross_core_64",
       &LoopFigures::producers, true},
      {"Batch", "cycles for one returned from another core, against the batch", "cross_core_", &LoopFigures::batch},
      {"Page size", "cycles for one, against the bytes of a page", "page_size_", &LoopFigures::page_size},
  };
  std::vector<Chart> charts;
  for (const Curves& one : all)
    if (auto chart = line_chart(drawing, figures, one)) charts.push_back(std::move(*chart));
  return charts;
}

std::vector<Chart> experiment_charts(Drawing& drawing, const ExperimentFigures& experiment) {
  std::vector<Chart> charts;
  for (const auto& loop : experiment.loops) {
    std::vector<Bar> bars;
    for (const BuildFigures& build : loop.builds)
      if (build.ratio && build.verdict != "reference")
        bars.push_back({.label = with_spaces(build.build),
                        .value = fmt::format("{}, {}", build.verdict, build.ratio->median.text),
                        .low = build.ratio->min.value,
                        .middle = build.ratio->median.value,
                        .high = build.ratio->max.value,
                        .ink = ink_of_verdict(build.verdict),
                        .strong = build.verdict == "slower"});
    if (bars.empty()) continue;
    Chart chart{.title = title_of_group(loop.name),
                .code = loop.name,
                .says = "time : time of the build for host memory only",
                .keys = {},
                .inks = {},
                .note = "",
                .drawing = drawing.count()};
    const Canvas canvas{kWidth, height_of_bars(bars.size())};
    drawing.begin(canvas.width, canvas.height, in_words(chart.title, chart.says.c_str(), bars));
    put_ratio_bars(drawing, canvas, {4, 0, kWidth - 16, canvas.height}, bars, experiment.margin.value);
    charts.push_back(std::move(chart));
  }
  return charts;
}

}  // namespace netmem::tool
