#include "bench/results.h"

#include <algorithm>

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
  const std::size_t quarter = values.size() / 4;
  return {values.front(), median, values.back(), values[values.size() - 1 - quarter] - values[quarter]};
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

bool MeasuredRatio::is_device_to_host() const {
  return above.ends_with("/device") && below == above.substr(0, above.rfind('/')) + "/host";
}

const MeasuredLoop* Measurements::find(std::string_view name) const {
  const auto found =
      std::ranges::find(loops, name, [](const MeasuredLoop& loop) -> std::string_view { return loop.name; });
  return found == loops.end() ? nullptr : &*found;
}

std::uint64_t Measurements::repetitions() const { return loops.empty() ? 0 : loops.front().repetitions.size(); }

}  // namespace netmem::tool
