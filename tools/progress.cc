#include "tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "netmem/base/units.h"

namespace netmem::tool {

Progress::Progress() : shown_(::isatty(STDERR_FILENO) == 1), next_(Clock::now() + kInterval), last_(Clock::now()) {}

void Progress::update(std::uint64_t bytes, std::optional<std::uint64_t> total,
                      std::optional<std::int64_t> pages_in_flight) {
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const double rate = seconds > 0 ? static_cast<double>(bytes - last_bytes_) / seconds : 0;
  std::string line = format_size(bytes);
  if (total) line += " of " + format_size(*total);
  line += fmt::format(", {}/s", format_size(static_cast<std::uint64_t>(rate)));
  if (pages_in_flight) line += fmt::format(", {} pages in flight", *pages_in_flight);
  fmt::print(stderr, "\r{}\x1b[K", line);  // CSI K: erase to the end of the line
  std::fflush(stderr);
  drawn_ = true;
  last_ = now;
  last_bytes_ = bytes;
  next_ = now + kInterval;
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace netmem::tool
