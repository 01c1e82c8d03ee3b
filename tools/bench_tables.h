// The tables of the report, as HTML: every figure of the JSON stands in one of them. Any thread.
#pragma once

#include <string>

#include "tools/bench_figures.h"

namespace netmem::tool {

std::string machine_table(const Figures& figures);
// Those with a target, and the others, to be opened.
std::string ratio_tables(const Figures& figures);
std::string missing_table(const Figures& figures);
std::string experiment_table(const ExperimentFigures& experiment);
// Every loop, a part to be opened for each group; in print all are open.
std::string loop_tables(const Figures& figures);

}  // namespace netmem::tool
