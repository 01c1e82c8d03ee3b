// The three kinds of plots that a benchmark needs, in gnuplot's language. What a bar or a line stands for is the
// business of bench_charts.h.
//
// Threads: any; each Drawing is one thread's.
#pragma once

#include <string>
#include <vector>

#include "tools/gnuplot.h"

namespace netmem::tool {

// Where in a drawing, in its units, from the left and from the top.
struct Box {
  int left;
  int top;
  int width;
  int height;
};

struct Canvas {
  int width;
  int height;
};

// A median with its least and its greatest, and how it is written.
struct Bar {
  std::string label;
  std::string value;
  double low = 0;
  double middle = 0;
  double high = 0;
  Ink ink = Ink::peer;
  bool strong = false;
};

// Units of height that so many bars need, with the scale below them.
int height_of_bars(std::size_t count);
// From zero to `end`. A bar that is longer is broken near its end, and has no whisker.
void put_bars(Drawing& drawing, Canvas canvas, Box box, const std::vector<Bar>& bars, double end);
// From one, to the left and to the right, with the band of what makes no difference.
void put_ratio_bars(Drawing& drawing, Canvas canvas, Box box, const std::vector<Bar>& bars, double margin);

struct Series {
  struct Point {
    double x, low, middle, high;
  };
  Ink ink = Ink::peer;
  int shape = 7;  // gnuplot's number
  double size = 0.6;
  double width = 1.5;
  std::vector<Point> points;
};

struct Tick {
  double at;
  std::string label;
};

// x is linear, y is logarithmic when the points are far apart. `limit` above 0: a line across, at that height.
void put_lines(Drawing& drawing, Canvas canvas, Box box, const std::vector<Series>& all, const std::vector<Tick>& ticks,
               double limit);

}  // namespace netmem::tool
