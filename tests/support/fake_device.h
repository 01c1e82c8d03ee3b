// A device for tests: its memory is out of the CPU's reach at the addresses that it gives, copies happen as late as
// they may, and calls fail when they are told to.
#pragma once

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "netmem/base/check.h"
#include "netmem/base/mapping.h"
#include "netmem/providers/device_api.h"

namespace netmem {

class FakeDevice final : public DeviceApi {
 public:
  ~FakeDevice() override {
    NETMEM_CHECK(memory_.empty(), "%zu allocations are still there", memory_.size());
    NETMEM_CHECK(open_.empty(), "%zu tickets have not ended", open_.size());
  }
  [[nodiscard]] std::string name() const override { return "fake"; }
  [[nodiscard]] std::string describe() const override { return "fake:0 (a test)"; }

  Result<DeviceAddress> allocate(std::size_t size, std::size_t alignment) override {
    if (std::exchange(fail_allocation, false)) return refused("allocate on the fake device", "it is full");
    auto range = Mapping::create(size, alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, "x");
    if (!range) return std::unexpected(range.error());
    const auto address = reinterpret_cast<DeviceAddress>(range->data());
    const std::scoped_lock lock(mutex_);
    memory_.emplace(address, Memory{std::move(*range), std::vector<std::byte>(size)});
    return address;
  }
  void free(DeviceAddress address) noexcept override {
    const std::scoped_lock lock(mutex_);
    NETMEM_CHECK(memory_.erase(address) == 1, "nothing begins at %#zx", address);
  }

  Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) override {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(fail_enqueue, false)) return refused("copy to the fake device", "its queue is full");
    batches.emplace_back(batch.begin(), batch.end());
    const DeviceTicket ticket{++tickets_};
    open_.insert(ticket);
    for (const DeviceCopy& copy : batch) waiting_.push_back({ticket, copy});
    return ticket;
  }
  // Done when somebody has waited for it or for a later one.
  Result<bool> poll(DeviceTicket ticket) override {
    const std::scoped_lock lock(mutex_);
    if (!waiting_.empty() && waiting_.front().first <= ticket) return false;
    NETMEM_CHECK(open_.erase(ticket) == 1, "ticket %zu has ended", static_cast<std::size_t>(ticket));
    return true;
  }
  Result<void> wait(DeviceTicket ticket) override {
    const std::scoped_lock lock(mutex_);
    land(ticket);
    NETMEM_CHECK(open_.erase(ticket) == 1, "ticket %zu has ended", static_cast<std::size_t>(ticket));
    if (std::exchange(fail_copy, false)) return refused("copy on the fake device", "its cable is loose");
    return {};
  }

  // The next call of the kind fails.
  bool fail_allocation = false;
  bool fail_enqueue = false;
  bool fail_copy = false;
  // What was enqueued.
  std::vector<std::vector<DeviceCopy>> batches;

 private:
  struct Memory {
    Mapping range;
    std::vector<std::byte> bytes;
  };

  void land(DeviceTicket upto) {
    for (; !waiting_.empty() && waiting_.front().first <= upto; waiting_.pop_front()) {
      const DeviceCopy& copy = waiting_.front().second;
      auto& [begin, memory] = *std::prev(memory_.upper_bound(copy.device));
      NETMEM_CHECK(copy.device - begin + copy.size <= memory.bytes.size(), "%zu bytes leave their memory", copy.size);
      std::byte* const there = memory.bytes.data() + (copy.device - begin);
      const bool in = copy.direction == DeviceCopy::Direction::to_device;
      std::memcpy(in ? there : copy.host, in ? copy.host : there, copy.size);
    }
  }

  std::mutex mutex_;
  std::map<DeviceAddress, Memory> memory_;
  std::deque<std::pair<DeviceTicket, DeviceCopy>> waiting_;
  std::set<DeviceTicket> open_;
  std::uint64_t tickets_ = 0;
};

}  // namespace netmem
