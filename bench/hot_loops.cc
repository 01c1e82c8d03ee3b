// Runs loops of bench/loops for the scripts that guard them: bench/instruction-counts, bench/compare and
// bench/regression-experiment.
//
//   hot_loops list                                   the loops' names, one on a line
//   hot_loops count N NAME...                        for an instruction counter
//   hot_loops time MILLISECONDS REPETITIONS NAME...  cycles per element
// bench/experiment/driver.h says more.

#include <algorithm>
#include <iterator>

#include "bench/experiment/driver.h"
#include "bench/experiment/elsewhere_loops.h"
#include "bench/experiment/outside_provider.h"
#include "bench/loops/loops.h"

using namespace netmem::bench;

int main(int argc, char** argv) {
  LoopList all = baseline_loops();
  const auto add = [&](LoopList more) { std::ranges::move(more, std::back_inserter(all)); };
  add(pool_loops());
  add(pool_loops_on("outside", make_outside_provider));
  add(cross_core_loops());
  add(xdp_loops());
  add(elsewhere_loops());
  return drive("hot_loops", all, std::span(argv + 1, argv + std::max(argc, 1)));
}
