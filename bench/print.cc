#include "bench/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "bench/targets.h"

namespace netmem::tool {
namespace {

constexpr std::string_view kBaseline = "baseline";

std::string machine_lines(const Measurements& measured) {
  const Machine& machine = measured.machine;
  std::string text = fmt::format("netmem {}{}, {}\n{}{}, {} processor{}, {}, {}, {}\n", measured.netmem,
                                 measured.commit.empty() ? "" : " " + measured.commit, measured.date, machine.cpu,
                                 machine.is_virtual ? " (virtual)" : "", machine.processors,
                                 machine.processors == 1 ? "" : "s", machine.kernel, machine.compiler, machine.build);
  text += fmt::format("{}: {:.3f} MHz, {}\n", measured.unit, static_cast<double>(machine.tsc_hz) / 1e6,
                      machine.constant_tsc ? "constant" : "NOT constant");
  for (const std::string& note : machine.notes) text += fmt::format("note: {}\n", note);
  return text;
}

std::string row(const MeasuredLoop& loop) {
  const Quantiles cycles = loop.cycles();
  std::string text =
      fmt::format("  {:14} {:>9.2f} {:>9.2f} {:>9.2f} {:>10.2f}  {}", loop.slug(), cycles.min, cycles.median,
                  cycles.max, loop.nanoseconds().median, loop.group == kBaseline ? loop.element : loop.subject);
  if (loop.bookkeeping > 0) text += fmt::format("; {:.1f} bytes a page", loop.bookkeeping);
  return text + "\n";
}

std::string ratio_row(const MeasuredRatio& ratio, bool judged) {
  std::string text = fmt::format("  {:66} {:>7.3f} {:>7.3f} {:>7.3f}", ratio.name(), ratio.quotient.min,
                                 ratio.quotient.median, ratio.quotient.max);
  if (ratio.target) text += fmt::format(" {:>7.2f}", *ratio.target);
  if (ratio.target && judged) text += ratio.is_wide() ? "  spreads widely" : ratio.met() ? "  met" : "  NOT met";
  return text + "\n";
}

std::string bookkeeping(const Measurements& measured) {
  std::string text;
  for (const MeasuredLoop& loop : measured.loops) {
    if (loop.bookkeeping == 0) continue;
    const char* verdict = loop.pages < kFewestPagesForIt         ? "fixed cost of few pages"
                          : loop.bookkeeping <= kMostBookkeeping ? "met"
                                                                 : "NOT met";
    text += fmt::format("  {:66} {:>7} {:>7.1f} {:>7} {:>7.0f}  {}\n", loop.name, "", loop.bookkeeping, "",
                        kMostBookkeeping, verdict);
  }
  return text.empty() ? text : "\nBookkeeping, bytes a page\n" + text;
}

std::string kernel_line(const MeasuredLoop& loop, const std::string& unit) {
  auto sorted = loop.repetitions;
  std::ranges::sort(sorted, {}, &bench::Sample::cycles);
  const bench::Sample median = sorted[sorted.size() / 2];
  const std::uint64_t picoseconds = median.nanoseconds * 1000 / loop.elements;
  return fmt::format(
      "Type:{} Per elem: {} {} {}.{:03} ns (step:0) - (measurement period time:{}.{:09} sec time_interval:{}) - "
      "(invoke count:{} tsc_interval:{})\n",
      loop.name, median.cycles / loop.elements, unit, picoseconds / 1000, picoseconds % 1000,
      median.nanoseconds / 1'000'000'000, median.nanoseconds % 1'000'000'000, median.nanoseconds, loop.elements,
      median.cycles);
}

std::string_view behind_slash(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

}  // namespace

std::string to_table(const Measurements& measured) {
  std::string text = machine_lines(measured);
  text += fmt::format("\n{:16} {:>9} {:>9} {:>9} {:>10}  of {} repetitions\n", "cycles per element", "min", "median",
                      "max", "median ns", measured.repetitions());
  std::string_view group;
  for (const MeasuredLoop& loop : measured.loops) {
    if (loop.group != group)
      text += fmt::format("\n{}{}\n", loop.group, loop.group == kBaseline ? "" : ": " + loop.element);
    group = loop.group;
    text += row(loop);
  }
  return text;
}

std::string to_kernel_lines(const Measurements& measured) {
  std::string text;
  for (const MeasuredLoop& loop : measured.loops) text += kernel_line(loop, measured.unit);
  return text;
}

std::string ratio_table(const Measurements& measured, bool judged) {
  std::string text;
  for (const MeasuredRatio& ratio : ratios(measured)) text += ratio_row(ratio, judged);
  if (!text.empty())
    text = fmt::format("\n{:68} {:>7} {:>7} {:>7} {:>7}\n", "Ratios, repetition by repetition", "min", "median", "max",
                       "target") +
           text;
  return text + bookkeeping(measured);
}

std::vector<MissingLoop> gather(std::span<const MissingLoop> missing) {
  struct Several {
    const MissingLoop* first;
    std::size_t more;
  };
  std::vector<Several> found;
  for (const MissingLoop& one : missing) {
    const auto known = std::ranges::find_if(
        found, [&](const Several& other) { return behind_slash(other.first->name) == behind_slash(one.name); });
    if (known == found.end()) {
      found.push_back({&one, 0});
    } else {
      ++known->more;
    }
  }
  std::vector<MissingLoop> gathered;
  gathered.reserve(found.size());
  for (const auto& [first, more] : found)
    gathered.push_back({more == 0 ? first->name : fmt::format("{} and {} more", first->name, more), first->reason});
  return gathered;
}

std::string not_run(std::span<const MissingLoop> missing) {
  if (missing.empty()) return {};
  std::string text = "\nNot run here\n";
  for (const MissingLoop& one : gather(missing)) text += fmt::format("  {}: {}\n", one.name, one.reason);
  return text;
}

std::string to_list(const EveryLoop& loops) {
  std::string text;
  for (const bench::LoopSpec& loop : loops.loops)
    text += fmt::format("{:36} {:26} {}\n", loop.name, loop.subject, loop.element);
  return text + not_run(loops.missing);
}

}  // namespace netmem::tool
