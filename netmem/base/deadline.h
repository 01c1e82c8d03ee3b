// When a call that may wait must be back. Values; any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace netmem {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // 0: at once, -1: never.
  explicit Deadline(int timeout_ms) : Deadline(timeout_ms, timeout_ms > 0 ? Clock::now() : Clock::time_point()) {}
  Deadline(int timeout_ms, Clock::time_point now)
      : timeout_ms_(timeout_ms), at_(now + std::chrono::milliseconds(timeout_ms)) {}
  // -1: never.
  [[nodiscard]] int left_ms() const { return timeout_ms_ > 0 ? left_ms(Clock::now()) : left_ms(at_); }
  [[nodiscard]] int left_ms(Clock::time_point now) const {
    if (timeout_ms_ <= 0) return std::max(timeout_ms_, -1);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - now).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
  }

 private:
  int timeout_ms_;
  Clock::time_point at_;
};

// The sooner of two waits; -1 is never.
inline int sooner(int a_ms, int b_ms) {
  if (a_ms < 0) return b_ms;
  return b_ms < 0 ? a_ms : std::min(a_ms, b_ms);
}

}  // namespace netmem
