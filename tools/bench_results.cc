#include "tools/bench_results.h"

#include <algorithm>
#include <fstream>

#include "netmem/base/units.h"
#include "tools/bench_targets.h"

namespace netmem::tool {
namespace {

Quantiles per_element(const MeasuredLoop& loop, std::uint64_t bench::Sample::* what) {
  std::vector<double> values;
  values.reserve(loop.repetitions.size());
  for (const bench::Sample& sample : loop.repetitions)
    values.push_back(static_cast<double>(sample.*what) / static_cast<double>(loop.elements));
  return quantiles(std::move(values));
}

}  // namespace

Quantiles quantiles(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  const double median = values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {values.front(), median, values.back()};
}

Quantiles MeasuredLoop::cycles() const { return per_element(*this, &bench::Sample::cycles); }
Quantiles MeasuredLoop::nanoseconds() const { return per_element(*this, &bench::Sample::nanoseconds); }

std::string_view MeasuredLoop::slug() const {
  const std::string_view all = name;
  const std::size_t slash = all.find('/');
  return slash == std::string_view::npos ? all : all.substr(slash + 1);
}

std::optional<Quantiles> divide(const MeasuredLoop& above, const MeasuredLoop& below) {
  std::vector<double> quotients;
  for (std::size_t i = 0; i < std::min(above.repetitions.size(), below.repetitions.size()); ++i) {
    const auto a = static_cast<double>(above.repetitions[i].cycles) / static_cast<double>(above.elements);
    const auto b = static_cast<double>(below.repetitions[i].cycles) / static_cast<double>(below.elements);
    if (b > 0) quotients.push_back(a / b);
  }
  if (quotients.empty()) return std::nullopt;
  return quantiles(std::move(quotients));
}

const MeasuredLoop* Measurements::find(std::string_view name) const {
  const auto found =
      std::ranges::find(loops, name, [](const MeasuredLoop& loop) -> std::string_view { return loop.name; });
  return found == loops.end() ? nullptr : &*found;
}

std::uint64_t Measurements::repetitions() const { return loops.empty() ? 0 : loops.front().repetitions.size(); }

// ---- to JSON ----

namespace {

Json to_json(const Quantiles& values) {
  return Json{{"min", values.min}, {"median", values.median}, {"max", values.max}};
}

Json to_json(const MeasuredLoop& loop) {
  Json repetitions = Json::array();
  for (const bench::Sample& sample : loop.repetitions)
    repetitions.push_back(Json{{"cycles", sample.cycles}, {"nanoseconds", sample.nanoseconds}});
  return Json{{"name", loop.name},
              {"group", loop.group},
              {"subject", loop.subject},
              {"element", loop.element},
              {"batch", loop.batch},
              {"producers", loop.producers},
              {"pages", loop.pages},
              {"page_size", loop.page_size},
              {"elements", loop.elements},
              {"repetitions", std::move(repetitions)},
              {"cycles", to_json(loop.cycles())},
              {"nanoseconds", to_json(loop.nanoseconds())},
              {"bookkeeping", loop.bookkeeping}};
}

Json to_json(const MeasuredRatio& ratio) {
  Json json{{"name", ratio.name()},
            {"above", ratio.above},
            {"below", ratio.below},
            {"min", ratio.quotient.min},
            {"median", ratio.quotient.median},
            {"max", ratio.quotient.max}};
  json["target"] = ratio.target ? Json(*ratio.target) : Json();
  json["met"] = ratio.target ? Json(ratio.met()) : Json();
  return json;
}

Json to_json(const Machine& machine) {
  return Json{{"cpu", machine.cpu},       {"processors", machine.processors},
              {"kernel", machine.kernel}, {"compiler", machine.compiler},
              {"build", machine.build},   {"virtual", machine.is_virtual},
              {"tsc_hz", machine.tsc_hz}, {"constant_tsc", machine.constant_tsc},
              {"notes", machine.notes}};
}

}  // namespace

Json to_json(const Measurements& measured) {
  Json json{{"schema", 1},
            {"netmem", measured.netmem},
            {"commit", measured.commit},
            {"date", measured.date},
            {"machine", to_json(measured.machine)},
            {"unit", measured.unit},
            {"repetitions", measured.repetitions()}};
  json["loops"] = Json::array();
  for (const MeasuredLoop& loop : measured.loops) json["loops"].push_back(to_json(loop));
  json["ratios"] = Json::array();
  for (const MeasuredRatio& ratio : ratios(measured)) json["ratios"].push_back(to_json(ratio));
  json["missing"] = Json::array();
  for (const MissingLoop& missing : measured.missing)
    json["missing"].push_back(Json{{"name", missing.name}, {"reason", missing.reason}});
  json["experiment"] = measured.experiment;
  return json;
}

// ---- from JSON ----

namespace {

// What is wrong with a file, for the error about it.
struct Damage {
  std::string says;
};

const Json& member(const Json& json, const char* name) {
  if (!json.is_object() || !json.contains(name)) throw Damage{"\"" + std::string(name) + "\" is missing"};
  return json[name];
}

std::string text(const Json& json, const char* name) {
  const Json& value = member(json, name);
  if (!value.is_string()) throw Damage{"\"" + std::string(name) + "\" is no text"};
  return value.get<std::string>();
}

std::uint64_t count(const Json& json, const char* name, std::uint64_t at_least = 0) {
  const Json& value = member(json, name);
  const bool negative = !value.is_number_unsigned() && value.is_number_integer() && value.get<std::int64_t>() < 0;
  if (!value.is_number_integer() || negative || value.get<std::uint64_t>() < at_least)
    throw Damage{"\"" + std::string(name) + "\" is no number from " + std::to_string(at_least) + " on"};
  return value.get<std::uint64_t>();
}

bool truth(const Json& json, const char* name) {
  const Json& value = member(json, name);
  if (!value.is_boolean()) throw Damage{"\"" + std::string(name) + "\" is neither true nor false"};
  return value.get<bool>();
}

const Json& list(const Json& json, const char* name) {
  const Json& value = member(json, name);
  if (!value.is_array()) throw Damage{"\"" + std::string(name) + "\" is no list"};
  return value;
}

double amount(const Json& json, const char* name) {
  const Json& value = member(json, name);
  if (!value.is_number() || value.get<double>() < 0)
    throw Damage{"\"" + std::string(name) + "\" is no number from 0 on"};
  return value.get<double>();
}

MeasuredLoop loop_from(const Json& json) {
  MeasuredLoop loop{.name = text(json, "name"),
                    .group = text(json, "group"),
                    .subject = text(json, "subject"),
                    .element = text(json, "element"),
                    .batch = count(json, "batch", 1),
                    .producers = count(json, "producers"),
                    .pages = count(json, "pages"),
                    .page_size = count(json, "page_size"),
                    .elements = count(json, "elements", 1),
                    .repetitions = {},
                    .bookkeeping = amount(json, "bookkeeping")};
  for (const Json& sample : list(json, "repetitions"))
    loop.repetitions.push_back({count(sample, "cycles"), count(sample, "nanoseconds")});
  if (loop.repetitions.empty()) throw Damage{loop.name + " has no repetitions"};
  return loop;
}

Machine machine_from(const Json& json) {
  Machine machine{.cpu = text(json, "cpu"),
                  .processors = count(json, "processors"),
                  .kernel = text(json, "kernel"),
                  .compiler = text(json, "compiler"),
                  .build = text(json, "build"),
                  .is_virtual = truth(json, "virtual"),
                  .tsc_hz = count(json, "tsc_hz"),
                  .constant_tsc = truth(json, "constant_tsc"),
                  .notes = {}};
  for (const Json& note : list(json, "notes")) {
    if (!note.is_string()) throw Damage{"a note is no text"};
    machine.notes.push_back(note.get<std::string>());
  }
  return machine;
}

Measurements measurements_from(const Json& json) {
  if (count(json, "schema") != 1) throw Damage{"its schema is not 1, the only one that this netmem knows"};
  Measurements measured{.netmem = text(json, "netmem"),
                        .commit = text(json, "commit"),
                        .date = text(json, "date"),
                        .machine = machine_from(member(json, "machine")),
                        .unit = text(json, "unit"),
                        .loops = {},
                        .missing = {},
                        .experiment = member(json, "experiment")};
  for (const Json& loop : list(json, "loops")) measured.loops.push_back(loop_from(loop));
  for (const Json& missing : list(json, "missing"))
    measured.missing.push_back({text(missing, "name"), text(missing, "reason")});
  return measured;
}

constexpr const char* kAdvice = "name a file that netmem bench --json wrote";

}  // namespace

Result<Measurements> measurements(const Json& json, const std::string& file) {
  try {
    return measurements_from(json);
  } catch (const Damage& damage) {
    return refused("use the figures in " + file, damage.says, kAdvice);
  }
}

Result<Json> read_json(const std::string& file) {
  constexpr std::size_t kLargest = 64 * MiB;  // /dev/zero has no end
  errno = 0;
  std::ifstream stream(file);
  std::string content(kLargest, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!stream.is_open() || stream.bad()) return system_error("read " + file, "name a file that can be read");
  if (!stream.eof()) return refused("use the figures in " + file, "it has 64 MiB or more", kAdvice);
  content.resize(static_cast<std::size_t>(stream.gcount()));
  Json json = Json::parse(content, nullptr, false);
  if (json.is_discarded()) return refused("use the figures in " + file, "it is no JSON", kAdvice);
  return json;
}

Result<Json> read_experiment(const std::string& file) {
  auto json = read_json(file);
  if (!json) return json;
  try {
    list(*json, "builds");
    list(*json, "loops");
    text(*json, "says");
  } catch (const Damage& damage) {
    return refused("use the experiment in " + file, damage.says,
                   "name a file that bench/regression-experiment --json wrote");
  }
  return json;
}

}  // namespace netmem::tool
