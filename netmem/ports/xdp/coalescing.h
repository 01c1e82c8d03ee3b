// Whether a port lets frames gather before it waits to be told of them, and for how long: what a card's interrupt
// moderation (ethtool -C, adaptive-rx) does for the kernel, for a program that the kernel would wake again and again.
// One sleep takes the place of many switches between the two, and a timer costs about as much as kFewestWaits of them.
//
//   buffers of a window of 1 ms        --> time from one to the next: at most kSlowest
//   waits of a window without pauses   --> buffers to a wait: kFewestWaits waits or more in the time of a pause
//   what is posted                     --> the pause: as asked for, but over when half of it was used up
//
// A frame is one buffer, a large one several.
//
// Threads: one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace netmem {

class Coalescing {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  static constexpr Nanoseconds kWindow = std::chrono::milliseconds(1);
  static constexpr unsigned kWindows = 64;  // of so many one has no pauses, so that waits are counted again
  // Who sends one frame and waits for the answer is slower.
  static constexpr Nanoseconds kSlowest = std::chrono::microseconds(5);  // from one buffer to the next
  static constexpr std::int64_t kFewestWaits = 5;
  // Linux may let a sleeper sleep so much longer (prctl(2), PR_SET_TIMERSLACK); a shorter pause is none.
  static constexpr Nanoseconds kSlack = std::chrono::microseconds(50);
  static constexpr Nanoseconds kLongest = std::chrono::milliseconds(100);

  // `longest` shorter than kSlack: never; at most kLongest.
  explicit Coalescing(Nanoseconds longest) : longest_(std::min(longest, kLongest)) {}

  void found(std::uint64_t buffers) { found_ += static_cast<std::int64_t>(buffers); }

  // The port is about to wait, at `now` of a clock that does not jump: how long to pause first; 0: not at all. There is
  // no second pause without a buffer between them.
  Nanoseconds pause(Nanoseconds now, std::uint64_t posted) {
    if (longest_ < kSlack) return Nanoseconds(0);
    if (now - began_ >= kWindow) [[unlikely]]
      end_window(now);
    if (found_ == 0) return Nanoseconds(0);
    buffers_ += std::exchange(found_, 0);
    ++waits_;
    if (!pays_) return Nanoseconds(0);
    const Nanoseconds half = each_ * static_cast<std::int64_t>(posted / 2);
    const Nanoseconds pause = std::min(longest_, half - kSlack);
    return pause < kSlack ? Nanoseconds(0) : pause;
  }

 private:
  void end_window(Nanoseconds now) {
    const bool known = began_ != Nanoseconds(0) && buffers_ != 0;  // of a window that began nowhere nothing is
    if (known) each_ = (now - began_) / buffers_;
    if (known && !pays_) to_a_wait_ = std::max<std::int64_t>(buffers_ / waits_, 1);
    const bool fast = known && each_ <= kSlowest;
    const bool often = fast && each_ * to_a_wait_ * kFewestWaits <= longest_;
    pays_ = often && ++windows_ % kWindows != 0;
    began_ = now;
    buffers_ = waits_ = 0;
  }

  Nanoseconds longest_;
  Nanoseconds began_{0};
  std::int64_t found_ = 0;                // since the last wait
  std::int64_t buffers_ = 0, waits_ = 0;  // of this window
  unsigned windows_ = 0;
  // Of the windows before:
  Nanoseconds each_{0};         // from one buffer to the next
  std::int64_t to_a_wait_ = 1;  // buffers, where there were no pauses
  bool pays_ = false;
};

}  // namespace netmem
