// Holds a rate: says how many datagrams may go now, and when to look again. The schedule is absolute (datagram N is due
// N / rate after the start), so that late wake-ups do not lower the rate. Time is the caller's: no clock in here.
//
// Threads: one.
// Invariants:
//  1. At any time t after the start at most 1 + t * rate datagrams were allowed.
//  2. Of what a pause left undone only kCatchUp is made good; the rest of the schedule moves.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace netmem::tool {

class Pacer {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint64_t kMostRate = 1'000'000'000;
  static constexpr std::chrono::milliseconds kCatchUp{100};
  // Waits shorter than this would be spent on waking up: above 1 / kShortestWait datagrams go in bursts.
  static constexpr std::chrono::microseconds kShortestWait{100};

  // `rate`: datagrams a second, at most kMostRate; 0: no limit.
  Pacer(std::uint64_t rate, Clock::time_point start) : rate_(rate), start_(start) {}

  // How many may be sent now, at most `most`.
  [[nodiscard]] std::size_t allowed(Clock::time_point now, std::size_t most);
  void sent(std::size_t count) { sent_ += count; }
  // When to ask again. REQUIRES: nothing was allowed at `now`.
  [[nodiscard]] Clock::time_point next(Clock::time_point now) const;

 private:
  [[nodiscard]] std::uint64_t due_by(Clock::time_point now) const;

  std::uint64_t rate_;
  Clock::time_point start_;
  std::uint64_t sent_ = 0;
};

}  // namespace netmem::tool
