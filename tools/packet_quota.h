// How many packets are still wanted, of all queues together. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

namespace netmem::tool {

class PacketQuota {
 public:
  explicit PacketQuota(std::optional<std::uint64_t> count)
      : left_(count.value_or(std::numeric_limits<std::uint64_t>::max())) {}

  // Takes up to `most` of what is left.
  std::size_t claim(std::size_t most) {
    std::uint64_t left = left_.load(std::memory_order_relaxed);
    std::uint64_t taken = 0;
    do {
      taken = std::min<std::uint64_t>(left, most);
    } while (taken != 0 && !left_.compare_exchange_weak(left, left - taken, std::memory_order_relaxed));
    return static_cast<std::size_t>(taken);
  }
  [[nodiscard]] bool exhausted() const { return left_.load(std::memory_order_relaxed) == 0; }

 private:
  std::atomic<std::uint64_t> left_;
};

}  // namespace netmem::tool
