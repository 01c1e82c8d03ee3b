#include "tools/plots.h"

#include <algorithm>
#include <cmath>

#include "tools/markup.h"

namespace netmem::tool {
namespace {

constexpr int kRow = 35;            // a bar with its label above it
constexpr int kScale = 22;          // the numbers below the bars
constexpr double kLetter = 7.4;     // mean width of a letter of the labels
constexpr double kFarApart = 15;    // greatest : least, from which on a scale is logarithmic
constexpr double kMostNoise = 1.5;  // greatest : median that a scale has room for

void put_margins(Drawing& drawing, Canvas canvas, Box box) {
  const auto across = [&](int x) { return static_cast<double>(x) / canvas.width; };
  const auto up = [&](int y) { return 1 - static_cast<double>(y) / canvas.height; };
  drawing.line("set lmargin at screen {:.5f}; set rmargin at screen {:.5f}", across(box.left),
               across(box.left + box.width));
  drawing.line("set tmargin at screen {:.5f}; set bmargin at screen {:.5f}", up(box.top), up(box.top + box.height));
}

// 1, 2 or 5 times a power of ten, so that there are at most `most` steps.
double step_of(double length, int most) {
  const double least = length / most;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least) return factor * power;
  return 10 * power;
}

// "20k": what is long must not leave the drawing.
void put_format(Drawing& drawing, const char* axis, double greatest) {
  drawing.line("set format {} '{}'", axis, greatest >= 10'000 ? "%.0s%c" : "%g");
}

void put_scale(Drawing& drawing, const char* axis, double step) {
  drawing.line("set {}tics {} scale 0 font 'sans-serif,12' textcolor rgb '{}' offset 0,0.3", axis, step,
               hex_of(Ink::dim));
  drawing.line("set grid {}tics lt 1 lw 1 lc rgb '{}'", axis, hex_of(Ink::grid));
}

void put_labels(Drawing& drawing, Box box, const std::vector<Bar>& bars) {
  for (std::size_t row = 0; row < bars.size(); ++row) {
    const Bar& bar = bars[row];
    const char* weight = bar.strong ? ":Bold" : "";
    const double y = static_cast<double>(row) + 0.26;
    const int room = std::max(4, static_cast<int>(box.width / kLetter) - static_cast<int>(bar.value.size()) - 2);
    drawing.line("set label {} at graph 0, first {} left font 'sans-serif{},13' textcolor rgb '{}' front",
                 drawing.text(shortened(bar.label, static_cast<std::size_t>(room))), y, weight, hex_of(Ink::text));
    drawing.line("set label {} at graph 1, first {} right font 'sans-serif{},13' textcolor rgb '{}' front",
                 drawing.text(bar.value), y, weight, hex_of(Ink::text));
  }
}

// $bars: x from, to; y from, to; colour.
void put_bar(Drawing& drawing, std::size_t row, double from, double to, Ink ink) {
  const auto y = static_cast<double>(row);
  drawing.line("{} {} {} {} {} {} {}", from, y, from, to, y + 0.53, y + 0.87, colour_of(ink));
}

// $whiskers: middle, least, greatest, y. gnuplot cuts off what is beyond the end.
void put_whiskers(Drawing& drawing, const std::vector<Bar>& bars, double end) {
  drawing.line("$whiskers << EOD");
  for (std::size_t row = 0; row < bars.size(); ++row)
    if (bars[row].middle <= end)
      drawing.line("{} {} {} {}", bars[row].middle, bars[row].low, bars[row].high, static_cast<double>(row) + 0.70);
  drawing.line("NaN NaN NaN NaN\nEOD");
}

// The whisker has a seam in the card's colour, to be seen on the bar too.
void put_plot_of_bars(Drawing& drawing, std::size_t rows) {
  drawing.line("set yrange [{}:0]; set errorbars 0.7", rows);
  drawing.line(
      "plot $bars using 1:2:3:4:5:6:7 with boxxyerror lc rgb variable notitle, "
      "$whiskers using 1:4:2:3 with xerrorbars pt -1 lw 3.4 lc rgb '{}' notitle, "
      "$whiskers using 1:4:2:3 with xerrorbars pt -1 lw 1.4 lc rgb '{}' notitle",
      hex_of(Ink::card), hex_of(Ink::text));
}

double greatest_of(const std::vector<Series>& all) {
  double greatest = 0;
  double middle = 0;
  for (const Series& series : all) {
    for (const auto& point : series.points) {
      greatest = std::max(greatest, point.high);
      middle = std::max(middle, point.middle);
    }
  }
  return std::min(greatest, kMostNoise * middle);
}

double least_of(const std::vector<Series>& all) {
  double least = HUGE_VAL;
  for (const Series& series : all)
    for (const auto& point : series.points) least = std::min(least, point.low);
  return least;
}

void put_heights(Drawing& drawing, double least, double greatest) {
  drawing.line("set ytics scale 0 font 'sans-serif,12' textcolor rgb '{}'", hex_of(Ink::dim));
  drawing.line("set grid ytics lt 1 lw 1 lc rgb '{}'", hex_of(Ink::grid));
  put_format(drawing, "y", greatest);
  if (least > 0 && greatest > kFarApart * least) {
    drawing.line("set logscale y; set yrange [{}:{}]", least * 0.8, greatest * 1.3);
    return;
  }
  const double step = step_of(greatest > 0 ? greatest : 1, 5);
  drawing.line("unset logscale y; set yrange [0:{}]; set ytics {}", step * std::ceil(greatest / step * 1.04), step);
}

void put_ticks(Drawing& drawing, const std::vector<Tick>& ticks) {
  if (ticks.empty()) return;
  const double room = std::max(0.3, (ticks.back().at - ticks.front().at) * 0.06);
  drawing.line("set xrange [{}:{}]", ticks.front().at - room, ticks.back().at + room);
  std::string list;
  double taken = -HUGE_VAL;
  for (const Tick& tick : ticks) {
    if (tick.at - taken < room * 2.2) continue;
    taken = tick.at;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", drawing.text(tick.label), tick.at);
  }
  drawing.line("set xtics ({}) scale 0.4 nomirror font 'sans-serif,12' textcolor rgb '{}' offset 0,0.3", list,
               hex_of(Ink::dim));
}

}  // namespace

int height_of_bars(std::size_t count) { return static_cast<int>(count) * kRow + kScale; }

void put_bars(Drawing& drawing, Canvas canvas, Box box, const std::vector<Bar>& bars, double end) {
  if (!(end > 0)) end = 1;
  box.height -= kScale;
  put_margins(drawing, canvas, box);
  put_labels(drawing, box, bars);
  put_scale(drawing, "x", step_of(end, 5));
  put_format(drawing, "x", end);
  drawing.line("set xrange [0:{}]", end);
  drawing.line("$bars << EOD");
  for (std::size_t row = 0; row < bars.size(); ++row) {
    const Bar& bar = bars[row];
    const bool broken = bar.middle > end;
    put_bar(drawing, row, 0, broken ? end * 0.93 : bar.middle, bar.ink);
    if (broken) put_bar(drawing, row, end * 0.95, end, bar.ink);
  }
  drawing.line("EOD");
  put_whiskers(drawing, bars, end);
  put_plot_of_bars(drawing, bars.size());
}

void put_ratio_bars(Drawing& drawing, Canvas canvas, Box box, const std::vector<Bar>& bars, double margin) {
  double reach = 2 * margin;
  for (const Bar& bar : bars) reach = std::max({reach, bar.high - 1, 1 - bar.low});
  reach = std::max(reach * 1.08, 0.001);
  box.height -= kScale;
  put_margins(drawing, canvas, box);
  put_labels(drawing, box, bars);
  put_scale(drawing, "x", step_of(2 * reach, 4));
  drawing.line("set format x '%.{}f'", reach < 0.02 ? 3 : 2);
  drawing.line("set xrange [{}:{}]", 1 - reach, 1 + reach);
  drawing.line("set object 1 rectangle from {}, graph 0 to {}, graph 1 back fc rgb '{}' fs solid noborder", 1 - margin,
               1 + margin, hex_of(Ink::grid));
  drawing.line("set arrow 1 from 1, graph 0 to 1, graph 1 nohead lc rgb '{}' lw 1", hex_of(Ink::dim));
  drawing.line("$bars << EOD");
  for (std::size_t row = 0; row < bars.size(); ++row)
    put_bar(drawing, row, std::min(1.0, bars[row].middle), std::max(1.0, bars[row].middle), bars[row].ink);
  drawing.line("EOD");
  put_whiskers(drawing, bars, 1 + reach);
  put_plot_of_bars(drawing, bars.size());
}

void put_lines(Drawing& drawing, Canvas canvas, Box box, const std::vector<Series>& all, const std::vector<Tick>& ticks,
               double limit) {
  put_margins(drawing, canvas, box);
  put_heights(drawing, least_of(all), std::max(greatest_of(all), limit));
  put_ticks(drawing, ticks);
  drawing.line("set border 1 lc rgb '{}'; set errorbars 0.5", hex_of(Ink::dim));
  if (limit > 0)
    drawing.line("set arrow 1 from graph 0, first {0} to graph 1, first {0} nohead dt 2 lw 1.5 lc rgb '{1}'", limit,
                 hex_of(Ink::text));
  std::string plots;
  for (std::size_t i = 0; i < all.size(); ++i) {
    drawing.line("$series{} << EOD", i);
    for (const auto& point : all[i].points) drawing.line("{} {} {} {}", point.x, point.middle, point.low, point.high);
    drawing.line("EOD");
    plots += fmt::format(
        "{0}$series{1} using 1:2 with lines lw {2} lc rgb '{3}' notitle, "
        "$series{1} using 1:2:3:4 with yerrorbars pt {4} ps {5} lw 1.2 lc rgb '{3}' notitle",
        plots.empty() ? "" : ", ", i, all[i].width, hex_of(all[i].ink), all[i].shape, all[i].size);
  }
  if (!all.empty()) drawing.line("plot {}", plots);
}

}  // namespace netmem::tool
