// Whether a port lets frames gather before it waits to be told of them, and for how long: what a card's interrupt
// moderation (ethtool -C, adaptive-rx) does for the kernel, for a program that the kernel would wake for each batch of
// 64 frames (NAPI_POLL_WEIGHT, include/linux/netdevice.h). Sleeping for a while takes fewer switches between the two.
//
//   frames of a window of 1 ms --> time from one to the next --> the pause: as long as was asked for, but so that it is
//   over when half of what is posted was used up; none where frames come slower than one in a microsecond
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
  static constexpr Nanoseconds kSlowest = std::chrono::microseconds(1);  // from one frame to the next
  // Linux may let a sleeper sleep so much longer (prctl(2), PR_SET_TIMERSLACK); a shorter pause is none.
  static constexpr Nanoseconds kSlack = std::chrono::microseconds(50);
  static constexpr Nanoseconds kLongest = std::chrono::milliseconds(100);

  // `longest` shorter than kSlack: never; at most kLongest.
  explicit Coalescing(Nanoseconds longest) : longest_(std::min(longest, kLongest)) {}

  void found(std::uint64_t frames) {
    frames_ += frames;
    fresh_ |= frames != 0;
  }

  // The port is about to wait, at `now` of a clock that does not jump: how long to pause first; 0: not at all. There is
  // no second pause without a frame between them.
  Nanoseconds pause(Nanoseconds now, std::uint64_t posted) {
    if (longest_ < kSlack) return Nanoseconds(0);
    if (now - began_ >= kWindow) [[unlikely]]
      end_window(now);
    if (!std::exchange(fresh_, false) || each_ > kSlowest) return Nanoseconds(0);
    const Nanoseconds half = each_ * static_cast<std::int64_t>(posted / 2);
    const Nanoseconds pause = std::min(longest_, half - kSlack);
    return pause < kSlack ? Nanoseconds(0) : pause;
  }

 private:
  void end_window(Nanoseconds now) {
    // Of a window that began nowhere nothing is known.
    each_ = began_ == Nanoseconds(0) || frames_ == 0 ? Nanoseconds::max()
                                                     : (now - began_) / static_cast<std::int64_t>(frames_);
    began_ = now;
    frames_ = 0;
  }

  Nanoseconds longest_;
  Nanoseconds began_{0};
  Nanoseconds each_ = Nanoseconds::max();  // from one frame to the next, in the window before
  std::uint64_t frames_ = 0;               // of this window
  bool fresh_ = false;                     // frames were found since the last pause
};

}  // namespace netmem
