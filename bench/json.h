// The figures of `netmem bench` as JSON (schema 1, docs/benchmark.md). Any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/results.h"
#include "netmem/base/error.h"

namespace netmem::tool {

// Keeps the order in which things were put in.
using Json = nlohmann::ordered_json;

// With what is made of the figures: ratios and the verdict.
Json to_json(const Measurements& measured);
// The same back. What is made of the figures is not read. `file` is named in the error.
Result<Measurements> measurements(const Json& json, const std::string& file);

// The JSON in a file.
Result<Json> read_json(const std::string& file);

}  // namespace netmem::tool
