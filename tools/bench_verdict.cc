#include "tools/bench_verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/bench_targets.h"

namespace netmem::tool {
namespace {

constexpr std::string_view kFastPath = "page_pool01_fast_path";

std::vector<const RatioFigures*> device_to_host(const Figures& figures) {
  std::vector<const RatioFigures*> found;
  for (const RatioFigures& ratio : figures.ratios)
    if (ratio.is_device_to_host()) found.push_back(&ratio);
  return found;
}

bool includes_one(const RatioFigures& ratio) { return ratio.spread.min.value <= 1 && ratio.spread.max.value >= 1; }

std::string loop_of(const RatioFigures& ratio) { return ratio.above.substr(0, ratio.above.rfind('/')); }

std::string listed(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) text += (i == 0 ? "" : i + 1 == all.size() ? " and " : ", ") + all[i];
  return text;
}

std::string of_device_memory(const Figures& figures) {
  const auto ratios = device_to_host(figures);
  if (ratios.empty()) return "Device memory was not measured beside host memory";
  const auto median = [](const RatioFigures* ratio) { return ratio->spread.median.value; };
  const auto& least = (*std::ranges::min_element(ratios, {}, median))->spread.median.text;
  const auto& most = (*std::ranges::max_element(ratios, {}, median))->spread.median.text;
  std::vector<std::string> others;
  for (const RatioFigures* ratio : ratios)
    if (!includes_one(*ratio)) others.push_back(fmt::format("{} ({})", loop_of(*ratio), ratio->spread.median.text));
  const std::string medians = ratios.size() == 1 ? "median " + least : fmt::format("medians {} to {}", least, most);
  const std::string loops = ratios.size() == 1 ? "the one loop" : fmt::format("all {} loops", ratios.size());
  if (others.empty())
    return fmt::format("Device memory costs nothing that can be seen here: device : host includes 1.00 in {} ({})",
                       loops, medians);
  return fmt::format("Device memory costs the same as host memory in {} of {} loops ({}), not in {}",
                     ratios.size() - others.size(), ratios.size(), medians, listed(others));
}

// "bulk_64, host : dpdk_mempool": the loop once when both sides are of one.
std::string shorter(const RatioFigures& ratio) {
  const std::string loop = loop_of(ratio) + "/";
  if (!ratio.above.starts_with(loop) || !ratio.below.starts_with(loop)) return ratio.name;
  return fmt::format("{}, {} : {}", loop_of(ratio), ratio.above.substr(loop.size()), ratio.below.substr(loop.size()));
}

struct Targets {
  std::size_t met = 0;
  std::vector<std::string> not_met;
  [[nodiscard]] std::size_t all() const { return met + not_met.size(); }
};

Targets targets(const Figures& figures) {
  Targets found;
  for (const RatioFigures& ratio : figures.ratios) {
    if (!ratio.target || !ratio.met) continue;
    if (*ratio.met) {
      ++found.met;
    } else {
      found.not_met.push_back(
          fmt::format("{} {} (at most {})", shorter(ratio), ratio.spread.median.text, ratio.target->text));
    }
  }
  return found;
}

std::string of_targets(const Figures& figures) {
  const Targets found = targets(figures);
  if (found.all() == 0) return "no target was measured";
  if (found.not_met.empty())
    return found.all() == 1 ? "the one target is met" : fmt::format("all {} targets are met", found.all());
  return fmt::format("{} of {} targets {} met", found.met, found.all(), found.all() == 1 ? "is" : "are");
}

const Number* greatest_bookkeeping(const Figures& figures) {
  const Number* greatest = nullptr;
  for (const LoopFigures& loop : figures.loops)
    if (loop.subject.starts_with("netmem") && loop.bookkeeping.value > 0 && loop.pages.value >= kFewestPagesForIt &&
        (greatest == nullptr || loop.bookkeeping.value > greatest->value))
      greatest = &loop.bookkeeping;
  return greatest;
}

std::string from_to(const Spread& spread) { return fmt::format("{} to {}", spread.min.text, spread.max.text); }

}  // namespace

std::string verdict(const Figures& figures) { return of_device_memory(figures) + "; " + of_targets(figures) + "."; }

std::string targets_not_met(const Figures& figures) {
  std::string text;
  for (const std::string& one : targets(figures).not_met) text += (text.empty() ? "Not met: " : "; ") + one;
  return text.empty() ? text : text + ".";
}

std::vector<Highlight> highlights(const Figures& figures) {
  std::vector<Highlight> all;
  for (const RatioFigures* ratio : device_to_host(figures))
    if (loop_of(*ratio) == kFastPath)
      all.push_back({ratio->spread.median.text, "×",
                     fmt::format("device : host, alloc and recycle ({})", from_to(ratio->spread))});
  if (const LoopFigures* loop = figures.find(std::string(kFastPath) + "/device"))
    all.push_back({format_short(loop->cycles.median.value), "cycles",
                   fmt::format("alloc and recycle a page of device memory, {} ns",
                               format_short(loop->nanoseconds.median.value))});
  if (const Targets found = targets(figures); found.all() > 0)
    all.push_back({fmt::format("{} of {}", found.met, found.all()), "", "targets met"});
  if (const Number* most = greatest_bookkeeping(figures))
    all.push_back({format_short(most->value), "bytes",
                   fmt::format("of bookkeeping for each page (at most {})", kMostBookkeeping)});
  return all;
}

}  // namespace netmem::tool
