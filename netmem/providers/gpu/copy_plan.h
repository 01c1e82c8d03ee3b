// How a batch of copies reaches a device: many small pieces together, in one launch of the gather kernel, and the
// others as copies of their own. What OpenCL and CUDA share of that.
//
// Threads: one at a time. The memory is used again.
// Invariants:
//  1. No byte is written by two copies of a batch that is divided, so the order of its copies does not show.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

#include "netmem/base/units.h"
#include "netmem/providers/gpu/device_api.h"
#include "netmem/providers/gpu/kernels.h"

namespace netmem {

// Measured: docs/decisions/2026-11-23-small-copies.md
inline constexpr std::size_t kManyCopies = 8;        // more of them are worth a launch
inline constexpr std::size_t kSmallCopy = 12 * KiB;  // from here on a piece is better off alone
inline constexpr std::size_t kMostPacked = 8 * MiB;  // of one batch, on the host and on the device

// Copies do without kernels: where these could not be loaded once, nobody tries again and again. Any thread.
class KernelsForCopies {
 public:
  // What `load` gives, a Result of a pointer; null: none.
  template <class Load>
  auto get(const Load& load) -> typename decltype(load())::value_type {
    if (failed_.load(std::memory_order_relaxed)) return nullptr;
    if (const auto loaded = load()) return *loaded;
    failed_.store(true, std::memory_order_relaxed);
    return nullptr;
  }

 private:
  std::atomic<bool> failed_ = false;
};

class CopyPlan {
 public:
  // An allocation of the device.
  struct Memory {
    DeviceAddress begin;
    std::size_t size;
  };

  static bool is_to_host(const DeviceCopy& copy) { return copy.direction == DeviceCopy::Direction::to_host; }
  // Whether the batch may have enough small pieces; cheap.
  static bool has_many(std::span<const DeviceCopy> batch) { return batch.size() > kManyCopies; }
  // False: the batch is best copied piece by piece, in its order. Only what goes into `memory` is together.
  bool divide(std::span<const DeviceCopy> batch, const Memory& memory);
  [[nodiscard]] std::span<const DeviceCopy> together() const { return together_; }
  [[nodiscard]] std::span<const DeviceCopy> alone() const { return alone_; }

  // Of `together`, out of host memory that the device reaches at offsets from `host`.
  void make_table(kernels::Table& table, const std::byte* host, DeviceAddress to);
  // Out of one buffer that has the table and behind it all bytes of `together`, so that one transfer brings both; its
  // size. What kMostPacked has no room for is alone from then on.
  std::size_t make_packed_table(kernels::Table& table, DeviceAddress to);
  // Fills that buffer. REQUIRES: nothing else since make_packed_table(), which gave its size.
  void pack(const kernels::Table& table, std::byte* buffer) const;

 private:
  std::vector<DeviceCopy> sorted_;  // by address of the device
  std::vector<DeviceCopy> together_;
  std::vector<DeviceCopy> alone_;
  std::vector<DeviceMove> moves_;  // of `together`
};

}  // namespace netmem
