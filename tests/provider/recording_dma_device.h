// A DMA device that remembers what is registered with it, and can refuse. Threads: any.
#pragma once

#include <map>
#include <mutex>

#include "netmem/core/dma_device.h"
#include "netmem/core/region.h"

namespace netmem {

class RecordingDmaDevice final : public DmaDevice {
 public:
  Result<std::uint64_t> map(const Region& region) override {
    const std::scoped_lock lock(mutex_);
    if (refuses_) return refused("register " + region.name() + " with the device", "its table is full");
    const std::uint64_t address = next_;
    next_ += (region.size() + 4095) / 4096 * 4096 + 4096;  // a hole between regions
    twice_ |= !mapped_.emplace(&region, address).second;
    ++maps_;
    return address;
  }
  void unmap(const Region& region, std::uint64_t dma_address) noexcept override {
    const std::scoped_lock lock(mutex_);
    const auto found = mapped_.find(&region);
    wrong_unmap_ |= found == mapped_.end() || found->second != dma_address;
    if (found != mapped_.end()) mapped_.erase(found);
  }
  void sync_for_device(std::uint64_t, std::size_t) noexcept override {}
  void sync_for_cpu(std::uint64_t, std::size_t) noexcept override {}

  void refuse() { refuses_ = true; }
  [[nodiscard]] std::size_t mapped() const { return mapped_.size(); }
  [[nodiscard]] bool holds(const Region& region) const { return mapped_.contains(&region); }
  [[nodiscard]] std::size_t maps() const { return maps_; }
  // No region was mapped twice at a time, and each unmap named what was mapped.
  [[nodiscard]] bool orderly() const { return !twice_ && !wrong_unmap_; }

 private:
  std::mutex mutex_;
  std::map<const Region*, std::uint64_t> mapped_;
  std::uint64_t next_ = 0x10'0000'0000;
  std::size_t maps_ = 0;
  bool refuses_ = false;
  bool twice_ = false;
  bool wrong_unmap_ = false;
};

}  // namespace netmem
