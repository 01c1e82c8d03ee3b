#include "bench/choose.h"

#include <algorithm>
#include <iterator>
#include <regex>

#include "bench/loops/loops.h"
#include "bench/peers/peers.h"

namespace netmem::tool {
namespace {

constexpr std::string_view kUsual[] = {
    "atomic_inc",
    "lock",
    "page_pool01_fast_path/host",
    "page_pool01_fast_path/device",
    "page_pool01_fast_path/array",
    "page_pool02_ptr_ring/host",
    "page_pool02_ptr_ring/device",
    "bulk_64/host",
    "bulk_64/device",
    "cross_core_64/host",
    "cross_core_64/device",
    "cross_core_64/ring",
};

}  // namespace

struct NameFilter::Expression {
  std::string text;
  std::regex compiled;

  [[nodiscard]] bool matches(std::string_view name) const {
    return std::regex_search(name.begin(), name.end(), compiled);
  }
};

Result<NameFilter> NameFilter::create(const std::vector<std::string>& expressions) {
  NameFilter filter;
  for (const std::string& text : expressions) {
    try {
      filter.expressions_.push_back(std::make_shared<const Expression>(Expression{text, std::regex(text)}));
    } catch (const std::regex_error&) {
      return refused("run netmem bench", "\"" + text + "\" is no regular expression",
                     "escape ( [ { * + ? with a backslash");
    }
  }
  return filter;
}

bool NameFilter::wants(std::string_view name) const {
  return wants_all() ||
         std::ranges::any_of(expressions_, [&](const auto& expression) { return expression->matches(name); });
}

std::vector<std::string> NameFilter::unmatched(const std::vector<std::string>& names) const {
  std::vector<std::string> found;
  for (const auto& expression : expressions_)
    if (std::ranges::none_of(names, [&](const std::string& name) { return expression->matches(name); }))
      found.push_back(expression->text);
  return found;
}

std::vector<std::string> EveryLoop::names() const {
  std::vector<std::string> all;
  for (const bench::LoopSpec& loop : loops) all.push_back(loop.name);
  for (const MissingLoop& loop : missing) all.push_back(loop.name);
  return all;
}

std::span<const std::string_view> usual_loops() { return kUsual; }
bool is_usual(std::string_view name) { return std::ranges::find(kUsual, name) != std::end(kUsual); }

void put_in_order(bench::LoopList& loops) {
  std::vector<std::string> groups;
  for (const bench::LoopSpec& loop : loops)
    if (std::ranges::find(groups, loop.group) == groups.end()) groups.push_back(loop.group);
  const auto place = [&](const bench::LoopSpec& loop) {
    const bool ours = loop.subject.starts_with("netmem");
    return std::pair(std::ranges::find(groups, loop.group) - groups.begin(), ours ? 0 : 1);
  };
  std::ranges::stable_sort(loops, {}, place);
}

EveryLoop every_loop() {
  EveryLoop all{.loops = bench::baseline_loops(), .missing = {}, .of_peers = {}};
  std::ranges::move(bench::pool_loops(), std::back_inserter(all.loops));
  std::ranges::move(bench::cross_core_loops(), std::back_inserter(all.loops));
  std::ranges::move(bench::unchecked_loops(), std::back_inserter(all.loops));
  std::vector<bench::Missing> missing;
  for (bench::LoopSpec& loop : bench::peer_loops(missing)) {
    all.of_peers.insert(loop.name);
    all.loops.push_back(std::move(loop));
  }
  for (bench::Missing& peer : missing) all.missing.push_back({std::move(peer.name), std::move(peer.reason)});
  put_in_order(all.loops);
  return all;
}

}  // namespace netmem::tool
