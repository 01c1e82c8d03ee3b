// What `netmem bench` prints: a table for people, or the kernel benchmark's lines.
#pragma once

#include <span>
#include <string>

#include "bench/choose.h"
#include "bench/results.h"

namespace netmem::tool {

// Each with its newlines.
std::string to_table(const Measurements& measured);
// time_bench_print_stats() of the kernel's bench library, of the repetition with the median time.
std::string to_kernel_lines(const Measurements& measured);
// Quotients. `judged`: those with a target say whether they met it.
std::string ratio_table(const Measurements& measured, bool judged);
std::string not_run(std::span<const MissingLoop> missing);

// Names of loops, and what an element is.
std::string to_list(const EveryLoop& loops);

// Those that miss the same thing, as one: "page_size_4K/huge and 11 more". One entry for each slug.
std::vector<MissingLoop> gather(std::span<const MissingLoop> missing);

}  // namespace netmem::tool
