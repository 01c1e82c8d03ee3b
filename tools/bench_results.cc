#include "tools/bench_results.h"

#include <algorithm>
#include <fstream>

#include "netmem/base/units.h"
#include "tools/bench_targets.h"
#include "tools/json_reader.h"

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

MeasuredLoop loop_from(const JsonReader& from) {
  MeasuredLoop loop{.name = from.text("name"),
                    .group = from.text("group"),
                    .subject = from.text("subject"),
                    .element = from.text("element"),
                    .batch = from.count("batch", 1),
                    .producers = from.count("producers"),
                    .pages = from.count("pages"),
                    .page_size = from.count("page_size"),
                    .elements = from.count("elements", 1),
                    .repetitions = {},
                    .bookkeeping = from.amount("bookkeeping")};
  from.each("repetitions", [&](const JsonReader& sample) {
    loop.repetitions.push_back({sample.count("cycles"), sample.count("nanoseconds")});
  });
  if (loop.repetitions.empty()) from.at("repetitions").fail("is empty");
  return loop;
}

Machine machine_from(const JsonReader& from) {
  Machine machine{.cpu = from.text("cpu"),
                  .processors = from.count("processors"),
                  .kernel = from.text("kernel"),
                  .compiler = from.text("compiler"),
                  .build = from.text("build"),
                  .is_virtual = from.truth("virtual"),
                  .tsc_hz = from.count("tsc_hz"),
                  .constant_tsc = from.truth("constant_tsc"),
                  .notes = {}};
  from.each("notes", [&](const JsonReader& note) { machine.notes.push_back(note.text()); });
  return machine;
}

Measurements measurements_from(const JsonReader& from) {
  if (from.count("schema") != 1) from.at("schema").fail("is not 1, the only one that this netmem knows");
  Measurements measured{.netmem = from.text("netmem"),
                        .commit = from.text("commit"),
                        .date = from.text("date"),
                        .machine = machine_from(from.at("machine")),
                        .unit = from.text("unit"),
                        .loops = {},
                        .missing = {},
                        .experiment = from.at("experiment").json()};
  from.each("loops", [&](const JsonReader& loop) { measured.loops.push_back(loop_from(loop)); });
  from.each("missing",
            [&](const JsonReader& one) { measured.missing.push_back({one.text("name"), one.text("reason")}); });
  return measured;
}

std::string says(const JsonDamage& damage) { return "\"" + damage.where + "\" " + damage.why; }

constexpr const char* kAdvice = "name a file that netmem bench --json wrote";

}  // namespace

Result<Measurements> measurements(const Json& json, const std::string& file) {
  try {
    return measurements_from(JsonReader(json));
  } catch (const JsonDamage& damage) {
    return refused("use the figures in " + file, says(damage), kAdvice);
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
    const JsonReader from(*json);
    from.each("builds", [](const JsonReader&) {});
    from.each("loops", [](const JsonReader&) {});
    static_cast<void>(from.text("says"));
  } catch (const JsonDamage& damage) {
    return refused("use the experiment in " + file, says(damage),
                   "name a file that bench/regression-experiment --json wrote");
  }
  return json;
}

}  // namespace netmem::tool
