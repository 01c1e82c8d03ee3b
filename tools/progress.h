// One line on a terminal that says how far a transfer is, redrawn at most ten times a second. Nothing at all when
// standard error is no terminal. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netmem::tool {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{100};

  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  [[nodiscard]] bool shown() const { return shown_; }
  // True when it is time for update(); false always when nothing is shown.
  [[nodiscard]] bool due() const { return shown_ && Clock::now() >= next_; }
  // `total`: the bytes that are expected in the end, when that is known. Draws whether it is due or not.
  void update(std::uint64_t bytes, std::optional<std::uint64_t> total, std::optional<std::int64_t> pages_in_flight);
  // The same for packets. `more`: what else is to be said, at the end of the line.
  void update_packets(std::uint64_t packets, std::uint64_t bytes, std::string_view more);
  // Takes the line away, before anything else is written to the terminal.
  void clear();

 private:
  // Of something that grew from `last` since the line was drawn, for each second.
  [[nodiscard]] std::uint64_t rate(std::uint64_t now, std::uint64_t last, Clock::time_point when) const;
  void draw(const std::string& line, Clock::time_point when);

  bool shown_;
  bool drawn_ = false;
  Clock::time_point next_;
  Clock::time_point last_;
  std::uint64_t last_bytes_ = 0;
  std::uint64_t last_packets_ = 0;
};

}  // namespace netmem::tool
