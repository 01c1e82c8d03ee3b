// How long a call that has nothing to deliver waits for the kernel while copies to a device are under way: not at all
// at first, because copies take microseconds, and then in short steps. One for each call; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

namespace netmem {

class CopyWait {
 public:
  // Milliseconds.
  int next_ms() {
    const auto now = Clock::now();
    if (turns_++ == 0) busy_until_ = now + kBusyFor;
    if (now >= busy_until_) return kStepMs;
    std::this_thread::yield();
    return 0;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kBusyFor{200};
  static constexpr int kStepMs = 1;

  std::uint64_t turns_ = 0;
  Clock::time_point busy_until_;
};

}  // namespace netmem
