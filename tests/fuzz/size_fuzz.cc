// Sizes: a number and a unit mean their product or nothing at all, and what is written can be read again.

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>

#include "netmem/base/units.h"
#include "tests/fuzz/properties.h"

namespace {

constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};

bool names_unit(std::string_view text, std::size_t power) {
  if (power == 0) return text.empty() || text == "B";
  const char letter = kUnits.at(power).front();
  const auto small = static_cast<char>(letter - 'A' + 'a');
  return !text.empty() && (text.front() == letter || text.front() == small) &&
         (text.size() == 1 || text.substr(1) == "B" || text.substr(1) == "iB");
}

// Digits times unit, step by step; nothing when it is no size or too large.
std::optional<std::size_t> expected(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0) return std::nullopt;
  unsigned __int128 value = 0;
  for (const char digit : text.substr(0, digits)) {
    value = value * 10 + static_cast<unsigned>(digit - '0');
    if (value > kMost) return std::nullopt;
  }
  for (std::size_t power = 0; power < kUnits.size(); ++power) {
    if (!names_unit(text.substr(digits), power)) continue;
    value <<= 10 * power;
    return value > kMost ? std::nullopt : std::optional(static_cast<std::size_t>(value));
  }
  return std::nullopt;
}

void check_parse(std::string_view text) {
  const auto size = netmem::parse_size(text);
  const auto wanted = expected(text);
  NETMEM_CHECK(size.has_value() == wanted.has_value(), "%s", size ? "nonsense is understood" : "sense is refused");
  if (size) NETMEM_CHECK(*size == *wanted, "read as %zu, not %zu", *size, *wanted);
  if (!size) netmem::fuzz::check_error(size.error());
}

// Without a point it is exact and reads as what it was; with one it is right to a digit after the point.
void check_format(std::uint64_t bytes) {
  const std::string text = netmem::format_size(bytes);
  const std::size_t space = text.find(' ');
  NETMEM_CHECK(space != std::string::npos, "no unit in %s", text.c_str());
  if (text.find('.') == std::string::npos) {
    const auto read = netmem::parse_size(text.substr(0, space) + text.substr(space + 1));
    NETMEM_CHECK(bytes > kMost || (read && *read == bytes), "%llu is written as %s",
                 static_cast<unsigned long long>(bytes), text.c_str());
    return;
  }
  const auto* const unit = std::find(kUnits.begin(), kUnits.end(), std::string_view(text).substr(space + 1));
  NETMEM_CHECK(unit != kUnits.end(), "unknown unit in %s", text.c_str());
  const double shown = std::strtod(text.c_str(), nullptr);
  const double is = std::ldexp(static_cast<double>(bytes), static_cast<int>(-10 * (unit - kUnits.begin())));
  NETMEM_CHECK(std::abs(shown - is) <= 0.0500001, "%f is written as %s", is, text.c_str());
  NETMEM_CHECK(shown < 1024 || unit + 1 == kUnits.end(), "%s has a larger unit", text.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = netmem::fuzz::as_text(data, size);
  check_parse(text);
  if (const auto parsed = netmem::parse_size(text)) check_format(*parsed);
  std::uint64_t any = 0;
  if (size != 0) std::memcpy(&any, data, std::min(size, sizeof any));
  check_format(any);
  return 0;
}
