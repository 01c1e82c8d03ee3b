// The loops of a group as bars: what each is called, in which order they stand, what they are painted with, and how
// long the scale is. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench_figures.h"
#include "tools/plots.h"

namespace netmem::tool {

enum class Kind : std::uint8_t { netmem, floor, peer };

Kind kind_of(const LoopFigures& loop);

// "In bulk, 64 at once" of "bulk_64"; the group itself where it is not known.
std::string title_of_group(std::string_view group);
// What tells the loop from others of its group: its subject, or its name where several share that.
std::string label_of(const Figures& figures, const LoopFigures& loop);

// netmem's as they come, then the floors, then the peers from the fastest to the slowest.
std::vector<const LoopFigures*> in_order(std::vector<const LoopFigures*> loops);
std::vector<Bar> bars_of(const Figures& figures, const std::vector<const LoopFigures*>& loops);
// Where the scale ends: at the longest bar, but netmem's must not vanish beside it.
double end_of(const std::vector<const LoopFigures*>& loops);

}  // namespace netmem::tool
