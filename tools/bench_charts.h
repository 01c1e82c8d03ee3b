// Which charts the figures of a benchmark make, and what stands around each. They are put into one Drawing, so that one
// run of gnuplot draws them all; `drawing` is the number there.
//
// Threads: any; each Drawing is one thread's.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/bench_figures.h"
#include "tools/gnuplot.h"

namespace netmem::tool {

struct Chart {
  struct Key {
    std::string mark;  // the shape of its points, as a letter
    Ink ink;
    std::string label;
  };
  std::string title;      // "In bulk, 64 at once"
  std::string code;       // "bulk_64"; empty where it stands for several groups
  std::string says;       // what is drawn against what
  std::vector<Key> keys;  // of lines
  std::set<Ink> inks;     // of bars
  std::string note;       // what was left out; empty: nothing
  std::size_t drawing = 0;
};

// A chart of bars for each group that is not drawn as a point of a line.
std::vector<Chart> consumer_charts(Drawing& drawing, const Figures& figures);
std::vector<Chart> cross_core_charts(Drawing& drawing, const Figures& figures);
std::vector<Chart> baseline_charts(Drawing& drawing, const Figures& figures);
// Cost against the pool's size, the number of producers, the batch, the page's size.
std::vector<Chart> size_charts(Drawing& drawing, const Figures& figures);
// One for each loop of the experiment.
std::vector<Chart> experiment_charts(Drawing& drawing, const ExperimentFigures& experiment);

}  // namespace netmem::tool
