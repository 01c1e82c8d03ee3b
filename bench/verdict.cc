#include "bench/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "bench/targets.h"

namespace netmem::tool {
namespace {

constexpr double kMostWide = 0.25;  // share of the ratios that may be wide
constexpr std::uint64_t kFewestRepetitions = 7;
constexpr double kSame = 0.05;  // device and host memory cost the same up to here

// Those that a verdict is about: device memory : host memory of the same loop, and those with a target.
struct Counted {
  std::vector<MeasuredRatio> device, targets;
  std::size_t all = 0;
  std::size_t wide = 0;
};

Counted count(const Measurements& measured) {
  Counted counted;
  for (const MeasuredRatio& ratio : ratios(measured)) {
    if (!ratio.target && !ratio.is_device_to_host()) continue;
    ++counted.all;
    if (ratio.is_wide()) {
      ++counted.wide;
    } else {
      (ratio.target ? counted.targets : counted.device).push_back(ratio);
    }
  }
  return counted;
}

std::vector<std::string> doubts(const Measurements& measured, const Counted& counted) {
  std::vector<std::string> found;
  if (measured.machine.others.value_or(0) > kMostOthers)
    found.push_back(fmt::format("other programs had {:.0f} % of the processors", *measured.machine.others * 100));
  if (measured.repetitions() < kFewestRepetitions)
    found.push_back(
        fmt::format("{} repetitions are too few, {} tell noise apart", measured.repetitions(), kFewestRepetitions));
  if (static_cast<double>(counted.wide) > kMostWide * static_cast<double>(counted.all))
    found.push_back(fmt::format("{} of {} ratios spread by more than {:.0f} %", counted.wide, counted.all,
                                MeasuredRatio::kWide * 100));
  return found;
}

std::string of_device_memory(const std::vector<MeasuredRatio>& ratios) {
  if (ratios.empty()) return "Device memory was not measured beside host memory";
  std::vector<std::string> others;
  for (const MeasuredRatio& ratio : ratios)
    if (std::abs(ratio.quotient.median - 1) > kSame)
      others.push_back(
          fmt::format("{} ({:.2f} times)", ratio.above.substr(0, ratio.above.rfind('/')), ratio.quotient.median));
  return fmt::format("Device memory costs the same as host memory, within {:.0f} %, in {} of {} loops{}{}", kSame * 100,
                     ratios.size() - others.size(), ratios.size(), others.empty() ? "" : ", not in ",
                     fmt::join(others, ", "));
}

std::string of_targets(const std::vector<MeasuredRatio>& ratios) {
  if (ratios.empty()) return "no target was measured";
  const auto met = std::ranges::count_if(ratios, &MeasuredRatio::met);
  return fmt::format("{} of {} targets {} met", met, ratios.size(), ratios.size() == 1 ? "is" : "are");
}

}  // namespace

Verdict verdict(const Measurements& measured) {
  const Counted counted = count(measured);
  if (counted.all == 0) return {false, "No verdict: nothing was measured beside what it is compared with."};
  if (const auto found = doubts(measured, counted); !found.empty())
    return {false, fmt::format("No verdict: {}. Measure again when nothing else runs.", fmt::join(found, "; "))};
  std::string says = of_device_memory(counted.device) + "; " + of_targets(counted.targets) + ".";
  if (counted.wide > 0)
    says += fmt::format(" {} of {} ratios spread by more than {:.0f} % and do not count.", counted.wide, counted.all,
                        MeasuredRatio::kWide * 100);
  return {true, says};
}

}  // namespace netmem::tool
