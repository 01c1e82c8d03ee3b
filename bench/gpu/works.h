// What bench/gpu times on a device: copies, gathers and digests of the same bytes, each beside the one that it is held
// against. Sources hold noise, so that each work can be checked after it ran: what does nothing would be fast.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "netmem/base/mapping.h"
#include "netmem/providers/gpu/gpu.h"

namespace netmem::bench {

struct GpuWork {
  std::string name;  // "gather_4096"
  std::string says;
  std::size_t bytes = 0;                // each time
  std::function<Result<void>()> run;    // returns when the bytes are there
  std::function<Result<void>()> check;  // that they are what they should be; REQUIRES: `run` ran last
};

// The rate of one work over that of another, and what it should at least be.
struct GpuComparison {
  std::string above;
  std::string below;
  std::string says;
  double target;
};

class GpuWorks {
 public:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kBatch = 256 * 1024;  // bytes of a staged copy
  static constexpr std::size_t kUnderWay = 16;       // staged copies at a time, as the TCP port has them
  static constexpr std::size_t kLeast = kBatch * kUnderWay;

  // Takes three times `size` bytes of the device and as much of the host. `size` loses what does not fill a batch.
  static Result<std::unique_ptr<GpuWorks>> create(std::shared_ptr<DeviceApi> device, std::size_t size);
  ~GpuWorks();
  GpuWorks(const GpuWorks&) = delete;
  GpuWorks& operator=(const GpuWorks&) = delete;

  [[nodiscard]] std::size_t size() const { return size_; }
  // They use this object.
  [[nodiscard]] std::vector<GpuWork> all();
  [[nodiscard]] static std::vector<GpuComparison> comparisons();
  // When the device had all of the work that ran last, and the CPU began to wait; the epoch for staged copies, whose
  // batches overlap.
  [[nodiscard]] std::chrono::steady_clock::time_point enqueued() const { return enqueued_; }
  // Why copies from the host take a detour; empty: its memory is registered with the device.
  [[nodiscard]] const std::string& unregistered() const { return unregistered_; }

 private:
  using Fragments = std::vector<DeviceMove>;

  GpuWorks(std::shared_ptr<DeviceApi> device, std::size_t size) : device_(std::move(device)), size_(size) {}

  Result<void> take_memory();
  Result<void> take_staging();
  Result<void> fill_source();
  // Of `fragment` bytes each, one in each `slot` of the source, in any order; side by side at the destination.
  Fragments shuffled(std::size_t slot, std::size_t fragment);
  void add_gather(std::vector<GpuWork>& works, const Fragments& fragments, const std::string& says);
  GpuWork large_copy();
  GpuWork staged_copies(const std::vector<Netmem>& pages, std::string name, const std::string& says);
  GpuWork digest();

  Result<void> stage(const std::vector<Netmem>& pages);
  Result<CopyTicket> begin_batch(const std::vector<Netmem>& pages, std::size_t batch);
  Result<void> finish(Result<DeviceTicket> ticket);
  // The device's digests of the ranges from `address` on are those of `expected`, which the CPU computes.
  Result<void> compare(const std::string& what, DeviceAddress address, const std::vector<DeviceRange>& ranges,
                       const std::function<std::span<const std::byte>(std::size_t)>& expected);
  [[nodiscard]] std::vector<DeviceRange> pages_of(std::size_t size) const;
  [[nodiscard]] std::span<const std::byte> host(std::size_t offset, std::size_t size) const {
    return std::span(host_.data(), host_.size()).subspan(offset, size);
  }

  std::shared_ptr<DeviceApi> device_;
  std::size_t size_;
  std::mt19937_64 random_{1460};
  Mapping host_;  // what the source holds, too
  bool registered_ = false;
  std::string unregistered_;
  DeviceAddress source_ = 0;
  DeviceAddress target_ = 0;

  std::shared_ptr<GpuProvider> memory_;  // received into
  std::vector<Netmem> in_order_;
  std::vector<Netmem> shuffled_pages_;
  std::shared_ptr<MemoryProvider> staging_;
  std::vector<Netmem> staging_pages_;
  std::span<std::byte> staging_bytes_;
  std::vector<std::uint32_t> crcs_;
  std::chrono::steady_clock::time_point enqueued_;
};

}  // namespace netmem::bench
