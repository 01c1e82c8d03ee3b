#include "netmem/base/units.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

#include "netmem/base/quote.h"

namespace netmem {
namespace {

// The number of bits that a unit shifts by; -1 when it is no unit.
int unit_shift(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0;
  constexpr std::string_view kLetters = "KMGT";
  char first = unit.front();
  if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
  const auto power = kLetters.find(first);
  const std::string_view rest = unit.substr(1);
  if (power == std::string_view::npos || !(rest.empty() || rest == "B" || rest == "iB")) return -1;
  return 10 * (static_cast<int>(power) + 1);
}

// Milliseconds of a unit; 0 when it is no unit.
std::int64_t unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit.empty() || unit == "s") return 1000;
  if (unit == "m" || unit == "min") return 60 * 1000;
  return unit == "h" ? 60 * 60 * 1000 : 0;
}

}  // namespace

Result<std::size_t> parse_size(std::string_view text) {
  const auto bad = [&](const char* why) {
    return refused("read " + in_quotes(text) + " as a size", why, "write a whole number and K, M, G or T, as in 256M");
  };
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc::result_out_of_range) return bad("it is too large");
  if (status != std::errc()) return bad("it does not begin with a number");
  const int shift = unit_shift(text.substr(static_cast<std::size_t>(end - text.data())));
  if (shift < 0) return bad("its unit is unknown");
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (number > (kMost >> shift)) return bad("it is too large");
  return number << shift;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double kRoundsUp = 1023.95;  // would be written as 1024.0
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  while (value >= kRoundsUp && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  // Asked of the bytes: a double near 2^63 looks rounder than they are.
  const bool whole = bytes % (std::uint64_t{1} << (10 * unit)) == 0;
  std::snprintf(text, sizeof text, whole ? "%.0f %s" : "%.1f %s", value, kUnits.at(unit));
  return text;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto bad = [&](const char* why) {
    return refused("read " + in_quotes(text) + " as a time", why,
                   "write a whole number and ms, s, m or h, as in 30s; a number alone is seconds");
  };
  std::int64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc::result_out_of_range) return bad("it is too long");
  if (status != std::errc()) return bad("it does not begin with a number");
  const std::int64_t unit = unit_ms(text.substr(static_cast<std::size_t>(end - text.data())));
  if (unit == 0) return bad("its unit is unknown");
  if (number <= 0) return bad("it is no time at all");
  constexpr std::chrono::milliseconds kMost = std::chrono::hours(500);
  if (number > kMost.count() / unit) return bad("it is more than 500 hours");
  return std::chrono::milliseconds(number * unit);
}

std::string format_duration(std::chrono::milliseconds time) {
  const std::int64_t ms = time.count();
  if (ms != 0 && ms % (60 * 60 * 1000) == 0) return std::to_string(ms / (60 * 60 * 1000)) + " h";
  if (ms != 0 && ms % (60 * 1000) == 0) return std::to_string(ms / (60 * 1000)) + " min";
  if (ms < 1000) return std::to_string(ms) + " ms";
  char text[32];
  std::snprintf(text, sizeof text, "%g s", static_cast<double>(ms) / 1000);
  return text;
}

}  // namespace netmem
