#include "bench/json.h"

#include <fmt/format.h>

#include <fstream>
#include <stdexcept>

#include "bench/targets.h"
#include "bench/verdict.h"
#include "netmem/base/units.h"

namespace netmem::tool {
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
            {"max", ratio.quotient.max},
            {"spread", ratio.spread()}};
  json["target"] = ratio.target ? Json(*ratio.target) : Json();
  json["met"] = ratio.target && !ratio.is_wide() ? Json(ratio.met()) : Json();
  return json;
}

Json to_json(const Machine& machine) {
  return Json{{"cpu", machine.cpu},
              {"processors", machine.processors},
              {"kernel", machine.kernel},
              {"compiler", machine.compiler},
              {"build", machine.build},
              {"virtual", machine.is_virtual},
              {"tsc_hz", machine.tsc_hz},
              {"constant_tsc", machine.constant_tsc},
              {"others", machine.others ? Json(*machine.others) : Json()},
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
  const Verdict of_all = verdict(measured);
  json["verdict"] = Json{{"given", of_all.given}, {"says", of_all.says}};
  return json;
}

// ---- from JSON ----
// nlohmann's own checks say what is missing or of another type; these say what it would let through.

namespace {

std::uint64_t whole(const Json& object, const char* key, std::uint64_t at_least = 0) {
  const Json& value = object.at(key);
  if (value.is_number_unsigned() && value.get<std::uint64_t>() >= at_least) return value.get<std::uint64_t>();
  throw std::domain_error(fmt::format("\"{}\" is {}, and no whole number from {} on", key, value.dump(), at_least));
}

double amount(const Json& object, const char* key) {
  const auto value = object.at(key).get<double>();
  if (value >= 0) return value;
  throw std::domain_error(fmt::format("\"{}\" is {}, which is negative", key, value));
}

std::vector<bench::Sample> samples_from(const Json& json) {
  std::vector<bench::Sample> samples;
  for (const Json& sample : json.get_ref<const Json::array_t&>())
    samples.push_back({whole(sample, "cycles"), whole(sample, "nanoseconds")});
  if (samples.empty()) throw std::domain_error("\"repetitions\" is empty");
  return samples;
}

MeasuredLoop loop_from(const Json& json) {
  return {.name = json.at("name"),
          .group = json.at("group"),
          .subject = json.at("subject"),
          .element = json.at("element"),
          .batch = whole(json, "batch", 1),
          .producers = whole(json, "producers"),
          .pages = whole(json, "pages"),
          .page_size = whole(json, "page_size"),
          .elements = whole(json, "elements", 1),
          .repetitions = samples_from(json.at("repetitions")),
          .bookkeeping = amount(json, "bookkeeping")};
}

Machine machine_from(const Json& json) {
  Machine machine{.cpu = json.at("cpu"),
                  .processors = whole(json, "processors"),
                  .kernel = json.at("kernel"),
                  .compiler = json.at("compiler"),
                  .build = json.at("build"),
                  .is_virtual = json.at("virtual"),
                  .tsc_hz = whole(json, "tsc_hz"),
                  .constant_tsc = json.at("constant_tsc"),
                  .others = {},
                  .notes = json.at("notes")};
  // Older files do not have it.
  if (const auto others = json.find("others"); others != json.end() && !others->is_null())
    machine.others = amount(json, "others");
  return machine;
}

Measurements measurements_from(const Json& json) {
  if (json.at("schema") != 1) throw std::domain_error("\"schema\" is not 1, the only one that this netmem knows");
  Measurements measured{.netmem = json.at("netmem"),
                        .commit = json.at("commit"),
                        .date = json.at("date"),
                        .machine = machine_from(json.at("machine")),
                        .unit = json.at("unit"),
                        .loops = {},
                        .missing = {}};
  for (const Json& loop : json.at("loops").get_ref<const Json::array_t&>()) measured.loops.push_back(loop_from(loop));
  for (const Json& one : json.at("missing").get_ref<const Json::array_t&>())
    measured.missing.push_back({one.at("name"), one.at("reason")});
  return measured;
}

// nlohmann's messages begin with its own number: "[json.exception.type_error.302] ".
std::string without_number(const std::string& what) {
  const std::size_t end = what.find("] ");
  return what.starts_with('[') && end != std::string::npos ? what.substr(end + 2) : what;
}

constexpr const char* kAdvice = "name a file that netmem bench --json wrote";

}  // namespace

Result<Measurements> measurements(const Json& json, const std::string& file) {
  try {
    return measurements_from(json);
  } catch (const std::exception& error) {
    return refused("use the figures in " + file, without_number(error.what()), kAdvice);
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

}  // namespace netmem::tool
