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
  std::string line = format_size(bytes);
  if (total) line += " of " + format_size(*total);
  line += fmt::format(", {}/s", format_size(rate(bytes, last_bytes_, now)));
  if (pages_in_flight) line += fmt::format(", {} pages in flight", *pages_in_flight);
  last_bytes_ = bytes;
  draw(line, now);
}

void Progress::update_packets(std::uint64_t packets, std::uint64_t bytes, std::string_view more) {
  const Clock::time_point now = Clock::now();
  const std::string line = fmt::format("{} packets, {} packets/s, {}/s{}", packets, rate(packets, last_packets_, now),
                                       format_size(rate(bytes, last_bytes_, now)), more);
  last_packets_ = packets;
  last_bytes_ = bytes;
  draw(line, now);
}

std::uint64_t Progress::rate(std::uint64_t now, std::uint64_t last, Clock::time_point when) const {
  const double seconds = std::chrono::duration<double>(when - last_).count();
  return seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(now - last) / seconds) : 0;
}

void Progress::draw(const std::string& line, Clock::time_point when) {
  fmt::print(stderr, "\r{}\x1b[K", line);  // CSI K: erase to the end of the line
  std::fflush(stderr);
  drawn_ = true;
  last_ = when;
  next_ = when + kInterval;
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace netmem::tool
