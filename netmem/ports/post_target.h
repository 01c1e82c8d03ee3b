// How many frames a queue keeps posted: as few as the traffic needs, because what is posted is what the kernel writes
// next, and few frames stay in the processor's caches where thousands do not.
//
//   most --- halves after each window in which no look found more than an eighth of the target ---> least
//    ^------ a look that found half of it or more; the target stays there for 10 seconds then ------'
//
// A surprise larger than the target is lost, and counted by the kernel as fill_ring_empty: once, and then not for at
// least 10 seconds. `least` equal to `most` gives that up.
//
// Threads: one; frames() may be read by any.
#pragma once

#include <algorithm>
#include <cstdint>

#include "netmem/base/single_writer.h"

namespace netmem {

class PostTarget {
 public:
  static constexpr std::uint64_t kWindowNs = 20'000'000;
  static constexpr std::uint64_t kHoldNs = 10'000'000'000;

  // REQUIRES: 0 < least <= most.
  PostTarget(std::uint32_t least, std::uint32_t most) : least_(least), most_(most) { target_.set(most); }

  [[nodiscard]] std::uint32_t frames() const { return target_.read(); }

  // A look at the ring found so many frames; `now_ns` of any clock, which may jump.
  void found(std::uint32_t frames, std::uint64_t now_ns) {
    if (least_ == most_) return;
    if (frames > peak_) peak_ = frames;
    if (frames >= target_.mine() / 2) [[unlikely]]
      return raise(now_ns);
    if (now_ns - began_ns_ >= length_ns_) [[unlikely]]
      end_window(now_ns);
  }

 private:
  void raise(std::uint64_t now_ns) {
    target_.set(most_);
    begin_window(now_ns, kHoldNs);
  }
  void end_window(std::uint64_t now_ns) {
    if (began_ns_ != 0 && peak_ <= target_.mine() / 8) target_.set(std::max(least_, target_.mine() / 2));
    begin_window(now_ns, kWindowNs);
  }
  void begin_window(std::uint64_t now_ns, std::uint64_t length_ns) {
    began_ns_ = now_ns;
    length_ns_ = length_ns;
    peak_ = 0;
  }

  std::uint32_t least_;
  std::uint32_t most_;
  SingleWriter<std::uint32_t> target_;
  std::uint32_t peak_ = 0;      // the fullest look of this window
  std::uint64_t began_ns_ = 0;  // 0: before the first look
  std::uint64_t length_ns_ = kWindowNs;
};

}  // namespace netmem
