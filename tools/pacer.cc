#include "tools/pacer.h"

#include <algorithm>

namespace netmem::tool {
namespace {

using Wide = unsigned __int128;
constexpr std::uint64_t kSecond = 1'000'000'000;

}  // namespace

std::uint64_t Pacer::due_by(Clock::time_point now) const {
  if (now < start_) return 0;
  const auto elapsed = static_cast<std::uint64_t>(std::chrono::nanoseconds(now - start_).count());
  return static_cast<std::uint64_t>(Wide{elapsed} * rate_ / kSecond) + 1;
}

std::size_t Pacer::allowed(Clock::time_point now, std::size_t most) {
  if (rate_ == 0) return most;
  const std::uint64_t due = due_by(now);
  if (due <= sent_) return 0;
  const auto most_late = static_cast<std::uint64_t>(std::chrono::nanoseconds(kCatchUp).count()) * rate_ / kSecond + 1;
  if (due - sent_ > most_late) {
    start_ = now - kCatchUp;
    sent_ = 0;
    return std::min<std::size_t>(most, due_by(now));
  }
  return static_cast<std::size_t>(std::min<std::uint64_t>(most, due - sent_));
}

Pacer::Clock::time_point Pacer::next(Clock::time_point now) const {
  const auto after = static_cast<std::uint64_t>((Wide{sent_} * kSecond + rate_ - 1) / rate_);
  return std::max(start_ + std::chrono::nanoseconds(after), now + kShortestWait);
}

}  // namespace netmem::tool
