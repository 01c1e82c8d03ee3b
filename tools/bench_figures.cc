#include "tools/bench_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include "tools/json_reader.h"

namespace netmem::tool {
namespace {

// Commas between groups of three digits, from five digits on.
std::string grouped(std::string digits) {
  const std::size_t begin = digits.starts_with('-') ? 1 : 0;
  std::size_t end = std::min(digits.find('.'), digits.size());
  if (end - begin < 5) return digits;
  for (; end > begin + 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

// `near_one`: decimals of what is at least 1.00 and less than 2.
std::string three_digits(double value, int near_one) {
  if (value == 0) return "0.00";
  std::string scientific = fmt::format("{:.2e}", value);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (exponent < -6 || exponent >= 15) return scientific;
  const int decimals = exponent == 0 && value < 2 ? near_one : std::max(0, 2 - exponent);
  return grouped(fmt::format("{:.{}f}", value, decimals));
}

Number number(const JsonReader& from) { return {from.amount(), format_figure(from.json())}; }
Number number(const JsonReader& from, const char* key) { return number(from.at(key)); }

Spread read_spread(const JsonReader& from, const char* least = "min", const char* most = "max") {
  return {number(from, least), number(from, "median"), number(from, most)};
}

LoopFigures read_loop(const JsonReader& from) {
  LoopFigures loop{.name = from.text("name"),
                   .group = from.text("group"),
                   .subject = from.text("subject"),
                   .element = from.text("element"),
                   .batch = number(from, "batch"),
                   .producers = number(from, "producers"),
                   .pages = number(from, "pages"),
                   .page_size = number(from, "page_size"),
                   .elements = number(from, "elements"),
                   .repetitions = {},
                   .cycles = read_spread(from.at("cycles")),
                   .nanoseconds = read_spread(from.at("nanoseconds")),
                   .bookkeeping = number(from, "bookkeeping")};
  from.each("repetitions", [&](const JsonReader& repetition) {
    loop.repetitions.emplace_back(number(repetition, "cycles"), number(repetition, "nanoseconds"));
  });
  return loop;
}

RatioFigures read_ratio(const JsonReader& from) {
  RatioFigures ratio{.name = from.text("name"),
                     .above = from.text("above"),
                     .below = from.text("below"),
                     .spread = read_spread(from),
                     .target = {},
                     .met = {}};
  if (const auto target = from.maybe("target")) ratio.target = number(*target);
  if (const auto met = from.maybe("met")) ratio.met = met->truth();
  return ratio;
}

BuildFigures read_build(const JsonReader& from) {
  BuildFigures build{.build = from.text("build"), .instructions = {}, .cycles = {}, .ratio = {}, .verdict = {}};
  if (const auto instructions = from.maybe("instructions")) build.instructions = number(*instructions);
  if (const auto cycles = from.maybe("cycles")) build.cycles = read_spread(*cycles);
  if (const auto ratio = from.maybe("ratio")) build.ratio = read_spread(*ratio, "low", "high");
  if (const auto verdict = from.maybe("verdict")) build.verdict = verdict->text();
  return build;
}

Members members_but(const Json& json, std::span<const std::string_view> known) {
  Members unknown;
  for (const auto& [key, value] : json.items())
    if (std::ranges::find(known, key) == known.end()) unknown.emplace_back(key, value);
  return unknown;
}

ExperimentFigures read_experiment(const JsonReader& from) {
  constexpr std::array<std::string_view, 8> kKnown = {"date",       "commit", "says",   "rounds",
                                                      "confidence", "margin", "builds", "loops"};
  ExperimentFigures experiment{.date = from.text("date"),
                               .commit = from.text("commit"),
                               .says = from.text("says"),
                               .rounds = number(from, "rounds"),
                               .confidence = number(from, "confidence"),
                               .margin = number(from, "margin"),
                               .more = members_but(from.object(), kKnown),
                               .builds = {},
                               .loops = {}};
  from.each("builds",
            [&](const JsonReader& build) { experiment.builds.push_back({build.text("name"), build.text("says")}); });
  from.each("loops", [&](const JsonReader& loop) {
    auto& read = experiment.loops.emplace_back(loop.text("name"), std::vector<BuildFigures>());
    loop.each("builds", [&](const JsonReader& build) { read.builds.push_back(read_build(build)); });
  });
  return experiment;
}

Figures read_all(const Json& json) {
  const JsonReader from(json);
  const Json& object = from.object();
  Figures figures;
  figures.schema = number(from, "schema");
  if (figures.schema.value != 1) from.at("schema").fail("is not 1, the only one known here");
  figures.repetitions = number(from, "repetitions");
  figures.version = from.text("netmem");
  figures.commit = from.text("commit");
  figures.date = from.text("date");
  figures.unit = from.text("unit");
  figures.machine = from.at("machine").object();
  constexpr std::array<std::string_view, 11> kKnown = {"schema",  "netmem",  "commit",      "date",
                                                       "machine", "unit",    "repetitions", "loops",
                                                       "ratios",  "missing", "experiment"};
  figures.more = members_but(object, kKnown);
  from.each("loops", [&](const JsonReader& loop) { figures.loops.push_back(read_loop(loop)); });
  from.each("ratios", [&](const JsonReader& ratio) { figures.ratios.push_back(read_ratio(ratio)); });
  from.each("missing",
            [&](const JsonReader& one) { figures.missing.push_back({one.text("name"), one.text("reason")}); });
  if (const auto experiment = from.maybe("experiment")) figures.experiment = read_experiment(*experiment);
  return figures;
}

}  // namespace

std::string format_figure(const Json& number) {
  return number.is_number_float() ? three_digits(number.get<double>(), 3) : grouped(number.dump());
}

std::string format_short(double value) { return three_digits(value, 2); }

bool RatioFigures::is_device_to_host() const {
  return above.ends_with("/device") && below == above.substr(0, above.size() - 6) + "host";
}

std::string_view ExperimentFigures::says_of(std::string_view build) const {
  const auto found = std::ranges::find(builds, build, &Build::name);
  return found == builds.end() || found->says.empty() ? build : std::string_view(found->says);
}

std::vector<std::string> Figures::groups() const {
  std::vector<std::string> found;
  for (const LoopFigures& loop : loops)
    if (std::ranges::find(found, loop.group) == found.end()) found.push_back(loop.group);
  return found;
}

std::vector<const LoopFigures*> Figures::of_group(std::string_view group) const {
  std::vector<const LoopFigures*> found;
  for (const LoopFigures& loop : loops)
    if (loop.group == group) found.push_back(&loop);
  return found;
}

const LoopFigures* Figures::find(std::string_view name) const {
  const auto found = std::ranges::find(loops, name, &LoopFigures::name);
  return found == loops.end() ? nullptr : &*found;
}

Result<Figures> read_figures(const Json& json) {
  try {
    // Through text and back: now every string is UTF-8.
    return read_all(Json::parse(dump(json)));
  } catch (const JsonDamage& damage) {
    return refused("draw the report", fmt::format("the figures are damaged: {} {}", damage.where, damage.why),
                   "make them again with netmem bench --json FILE");
  } catch (const Json::exception& error) {
    return refused("draw the report", fmt::format("the figures are damaged: {}", error.what()),
                   "make them again with netmem bench --json FILE");
  }
}

}  // namespace netmem::tool
