#include "tools/bench_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include "tools/bench_targets.h"
#include "tools/markup.h"
#include "tools/plots.h"

namespace netmem::tool {
namespace {

constexpr int kWidth = 320;  // of a chart: readable on a phone as it is
constexpr int kLinesHeight = 210;
constexpr double kMostNoise = 1.5;  // a whisker may be so many times the longest bar; longer ones are cut off
constexpr double kLongest = 12;     // a bar may be so many times netmem's; longer ones are broken
constexpr std::size_t kMostPeers = 4;

enum class Kind : std::uint8_t { netmem, floor, peer };

Kind kind_of(const LoopFigures& loop) {
  const auto slug = loop.slug();
  if (slug == "array" || slug == "ring" || loop.group == "baseline") return Kind::floor;
  return loop.subject.starts_with("netmem") ? Kind::netmem : Kind::peer;
}

Ink ink_of(const LoopFigures& loop) {
  if (kind_of(loop) == Kind::floor) return Ink::floor;
  if (kind_of(loop) == Kind::peer) return Ink::peer;
  if (loop.slug() == "device") return Ink::device;
  return loop.slug() == "host" ? Ink::host : Ink::huge;
}

// netmem's as they come, then the floors, then the peers from the fastest to the slowest.
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

// Where the scale ends: at the longest bar, but netmem's must not vanish beside it.
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

std::string note_on(const std::vector<Bar>& bars, double end) {
  if (std::ranges::any_of(bars, [&](const Bar& bar) { return bar.middle > end; }))
    return "A broken bar goes on: its number counts.";
  if (std::ranges::any_of(bars, [&](const Bar& bar) { return bar.high > end; }))
    return "A whisker at the edge goes on: the tables have it.";
  return "";
}

std::string in_words(const std::string& title, const std::vector<Bar>& bars) {
  std::string says = title + ", median cycles per element: ";
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
  drawing.begin(canvas.width, canvas.height, in_words(chart.title, bars));
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

// Fast path, bulk, and back from another core.
constexpr std::array<std::string_view, 3> kKeyGroups = {"page_pool01_fast_path", "bulk_64", "cross_core_64"};
constexpr int kPictureWidth = 900;
constexpr int kPictureEdge = 24;
constexpr int kPictureHead = 96;
constexpr int kPictureFoot = 56;

struct Panel {
  std::string_view group;
  std::vector<const LoopFigures*> loops;
};

std::vector<Panel> panels_of(const Figures& figures) {
  std::vector<Panel> panels;
  for (const auto group : kKeyGroups)
    if (auto loops = in_order(figures.of_group(group)); !loops.empty()) panels.push_back({group, std::move(loops)});
  return panels;
}

void put_picture_text(Drawing& drawing, int height, int x, int y, const std::string& text, const char* font, Ink ink) {
  drawing.line("set label {} at screen {:.5f}, {:.5f} left font '{}' textcolor rgb '{}' front", drawing.text(text),
               static_cast<double>(x) / kPictureWidth, 1 - static_cast<double>(y) / height, font, hex_of(ink));
}

std::string machine_in_a_line(const Figures& figures) {
  std::string says = readable_date(figures.date, false);
  for (const char* key : {"cpu", "kernel", "compiler"})
    if (figures.machine.contains(key) && figures.machine[key].is_string())
      says += ", " + figures.machine[key].get<std::string>();
  if (!figures.commit.empty()) says += ", commit " + figures.commit;
  return says;
}

// What stands around the panels.
void put_picture_frame(Drawing& drawing, const Figures& figures, int height) {
  const auto put = [&](int y, const std::string& text, const char* font, Ink ink) {
    put_picture_text(drawing, height, kPictureEdge, y, text, font, ink);
  };
  put(30, "Cycles for a page, less is better", "sans-serif:Bold,18", Ink::text);
  put(52, "netmem on host and on device memory, beside what people would pick instead", "sans-serif,13", Ink::dim);
  put(height - 38,
      fmt::format("Medians of {} repetitions in one run; whiskers from the least to the greatest; a broken "
                  "bar goes on.",
                  figures.repetitions.text),
      "sans-serif,12", Ink::dim);
  put(height - 18, shortened(machine_in_a_line(figures), 130), "sans-serif,12", Ink::dim);
}

}  // namespace

std::string title_of_group(std::string_view group) {
  constexpr std::array<std::pair<std::string_view, const char*>, 15> kTitles = {{
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
      {"huge_", "Huge pages, {}"},
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
    drawing.begin(canvas.width, canvas.height, in_words(chart.title, bars));
    put_ratio_bars(drawing, canvas, {4, 0, kWidth - 16, canvas.height}, bars, experiment.margin.value);
    charts.push_back(std::move(chart));
  }
  return charts;
}

void put_picture(Drawing& drawing, const Figures& figures) {
  const auto panels = panels_of(figures);
  if (panels.empty()) return;
  std::size_t rows = 0;
  for (const Panel& panel : panels) rows = std::max(rows, panel.loops.size());
  const int height = kPictureHead + height_of_bars(rows) + kPictureFoot;
  drawing.begin(kPictureWidth, height,
                "netmem beside what people would pick instead: cycles for a page, less is better");
  drawing.line("set object 1 rectangle from screen 0,0 to screen 1,1 behind fc rgb '{}' fs solid border lc rgb '{}'",
               hex_of(Ink::card), hex_of(Ink::grid));
  drawing.line("set multiplot");
  put_picture_frame(drawing, figures, height);
  const int width = (kPictureWidth - kPictureEdge) / static_cast<int>(panels.size());
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const int left = kPictureEdge + static_cast<int>(i) * width;
    put_picture_text(drawing, height, left, kPictureHead - 16, title_of_group(panels[i].group), "sans-serif:Bold,13",
                     Ink::text);
    put_bars(drawing, {kPictureWidth, height},
             {left, kPictureHead, width - kPictureEdge, height_of_bars(panels[i].loops.size())},
             bars_of(figures, panels[i].loops), end_of(panels[i].loops));
    drawing.line("unset label; unset object 1");
  }
  drawing.line("unset multiplot");
}

std::string readable_date(const std::string& date, bool with_time) {
  constexpr std::array<const char*, 12> kMonths = {"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  const int read = std::sscanf(date.c_str(), "%4d-%2u-%2uT%2u:%2u", &year, &month, &day, &hour, &minute);
  if (read < 3 || month < 1 || month > kMonths.size()) return date;
  const std::string that_day = fmt::format("{} {} {}", day, kMonths.at(month - 1), year);
  return with_time && read == 5 ? fmt::format("{}, {:02}:{:02} UTC", that_day, hour, minute) : that_day;
}

}  // namespace netmem::tool
