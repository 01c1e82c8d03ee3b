// The figures of `netmem bench` as one page of HTML, and as the picture that the README shows.
//
// 1. The page stands alone: no script, nothing from the network, every chart in it. It is readable on a phone, in
// print,
//    in light and dark.
// 2. Every number of the JSON is a text of the page, as format_figure() writes it.
// 3. Text from the figures stays text, whatever is in it.
// 4. The same figures and the same gnuplot give the same bytes.
//
// gnuplot, looked for in PATH, draws the charts. Threads: any.
#pragma once

#include <string>

#include "netmem/base/error.h"
#include "tools/report.h"

namespace netmem::tool {

// The figures are those of schema 1 (bench_figures.h).
Result<std::string> render_report(const Json& figures);
// An SVG file. Refuses figures that have none of the loops that it shows.
Result<std::string> render_picture(const Json& figures);

}  // namespace netmem::tool
