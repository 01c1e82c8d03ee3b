// The figures of `netmem bench` as JSON (schema 1, docs/benchmark.md). Any thread.
#pragma once

#include <string>

#include "netmem/base/error.h"
#include "tools/bench_results.h"
#include "tools/report.h"

namespace netmem::tool {

// With what is made of the figures: ratios and the verdict.
Json to_json(const Measurements& measured);
// The same back. What is made of the figures is not read. `file` is named in the error.
Result<Measurements> measurements(const Json& json, const std::string& file);

// The JSON in a file.
Result<Json> read_json(const std::string& file);

}  // namespace netmem::tool
