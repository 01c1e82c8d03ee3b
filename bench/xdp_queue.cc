// What the data path of port `xdp` costs by itself: cycles of the processor's clock per packet, without the kernel's
// work. Loops take turns; the minimum is what the code costs, the rest what else the machine did. `xdp_split_copy` is
// the copy that is in `xdp_split`.
//
//   xdp_queue [ROUNDS [PACKETS]]

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "bench/loops/loops.h"
#include "bench/loops/processors.h"

using namespace netmem::bench;

int main(int argc, char** argv) {
  const std::size_t rounds = argc > 1 ? std::max(1UL, std::strtoul(argv[1], nullptr, 10)) : 21;
  const std::uint64_t packets = argc > 2 ? std::max(64UL, std::strtoul(argv[2], nullptr, 10)) : 1 << 14;
  pin(0);
  struct Row {
    LoopSpec spec;
    std::unique_ptr<Loop> loop;
    std::vector<double> cycles;
  };
  std::vector<Row> rows;
  for (const LoopSpec& spec : xdp_loops()) {
    auto loop = spec.make();
    if (!loop) {
      fmt::print(stderr, "xdp_queue: {}: {}\n", spec.name, loop.error().message());
      return 1;
    }
    rows.push_back({spec, std::move(*loop), {}});
    rows.back().loop->run(packets);
  }
  for (std::size_t round = 0; round < rounds; ++round)
    for (Row& row : rows)
      row.cycles.push_back(static_cast<double>(row.loop->run(packets).cycles) / static_cast<double>(packets));
  fmt::print("{:22} {:>8} {:>8} {:>8}   {} per packet\n", "loop/bytes of a frame", "min", "median", "max", kCycleUnit);
  for (Row& row : rows) {
    std::ranges::sort(row.cycles);
    fmt::print("{:22} {:8.1f} {:8.1f} {:8.1f}   {}\n", row.spec.name, row.cycles.front(), row.cycles[rounds / 2],
               row.cycles.back(), row.spec.element);
  }
}
