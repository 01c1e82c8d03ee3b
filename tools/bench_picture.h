// The loops that say most, side by side in one drawing, with date and machine: the README's picture. Any thread.
#pragma once

#include <string>

#include "tools/bench_figures.h"
#include "tools/gnuplot.h"

namespace netmem::tool {

// Begins no drawing when the figures have none of these loops.
void put_picture(Drawing& drawing, const Figures& figures);

// "22 November 2026, 23:59 UTC" of "2026-11-22T23:59:59Z"; what is no such date stays as it is.
std::string readable_date(const std::string& date, bool with_time);

}  // namespace netmem::tool
