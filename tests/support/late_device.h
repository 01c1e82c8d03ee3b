// A device whose copies happen when the test says so, in the order that it says, well or not. Its memory is a
// FakeDevice's. Tests only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_device.h"

namespace netmem {

class LateDevice final : public DeviceApi {
 public:
  ~LateDevice() override {
    NETMEM_CHECK(open_.empty(), "%zu tickets have not ended", open_.size());
    NETMEM_CHECK(registered.empty(), "%zu ranges of host memory are still registered", registered.size());
  }
  [[nodiscard]] std::string name() const override { return "late"; }
  [[nodiscard]] std::string describe() const override { return "late:0 (a test)"; }

  Result<DeviceAddress> allocate(std::size_t size, std::size_t alignment) override {
    return memory_.allocate(size, alignment);
  }
  void free(DeviceAddress address) noexcept override { memory_.free(address); }

  Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) override {
    const std::scoped_lock lock(mutex_);
    if (fail_enqueues != 0) {
      --fail_enqueues;
      return refused("copy to the late device", "its queue is full");
    }
    const DeviceTicket ticket{tickets_++};  // the first one is 0
    open_.emplace(ticket, Batch{{batch.begin(), batch.end()}, polls, {}});
    return ticket;
  }
  // A batch that the test holds stays under way, whoever asks; others are done when they were asked for `polls` times.
  Result<bool> poll(DeviceTicket ticket) override {
    const std::scoped_lock lock(mutex_);
    Batch& batch = find(ticket);
    if (!batch.outcome && !held && batch.polls-- == 0) happen(batch, true);
    if (!batch.outcome) return false;
    if (auto ended = end(ticket); !ended) return std::unexpected(ended.error());
    return true;
  }
  Result<void> wait(DeviceTicket ticket) override {
    const std::scoped_lock lock(mutex_);
    Batch& batch = find(ticket);
    waits += batch.copies.front().direction == DeviceCopy::Direction::to_device ? 1 : 0;
    if (!batch.outcome) happen(batch, true);
    return end(ticket);
  }

  Result<void> register_host(std::span<std::byte> memory) override {
    const std::scoped_lock lock(mutex_);
    if (refuse_registration) return refused("register host memory with the late device", "too much is locked");
    NETMEM_CHECK(registered.emplace(memory.data(), memory.size()).second, "%p is registered twice",
                 static_cast<void*>(memory.data()));
    ++registrations;
    return {};
  }
  void unregister_host(std::span<std::byte> memory) noexcept override {
    const std::scoped_lock lock(mutex_);
    const auto found = registered.find(memory.data());
    NETMEM_CHECK(found != registered.end() && found->second == memory.size(), "%p is not registered so",
                 static_cast<void*>(memory.data()));
    registered.erase(found);
  }

  // Ends the n-th of the batches that are under way, the oldest being 0.
  void complete(std::size_t n, bool well = true) {
    const std::scoped_lock lock(mutex_);
    for (auto& [ticket, batch] : open_)
      if (!batch.outcome && n-- == 0) return happen(batch, well);
    NETMEM_CHECK(false, "so many batches are not under way%s", "");
  }
  [[nodiscard]] std::size_t under_way() {
    const std::scoped_lock lock(mutex_);
    std::size_t count = 0;
    for (const auto& [ticket, batch] : open_) count += batch.outcome ? 0 : 1;
    return count;
  }

  bool held = false;      // batches end only when complete() says so
  int polls = 0;          // of a batch, that say "not yet"
  int fail_enqueues = 0;  // so many of the next ones are refused
  bool refuse_registration = false;
  std::map<std::byte*, std::size_t> registered;  // host memory, now
  std::size_t registrations = 0;                 // ever
  std::size_t waits = 0;                         // for batches to the device

 private:
  struct Batch {
    std::vector<DeviceCopy> copies;
    int polls;
    std::optional<bool> outcome;
  };

  Batch& find(DeviceTicket ticket) {
    const auto found = open_.find(ticket);
    NETMEM_CHECK(found != open_.end(), "ticket %zu has ended, or never was", static_cast<std::size_t>(ticket));
    return found->second;
  }
  // A batch that fails writes something all the same, as a device that stops half way does.
  void happen(Batch& batch, bool well) {
    auto ticket = memory_.enqueue(batch.copies);
    NETMEM_CHECK(ticket && memory_.wait(*ticket), "the memory of the late device failed%s", "");
    batch.outcome = well;
  }
  Result<void> end(DeviceTicket ticket) {
    const bool well = *find(ticket).outcome;
    open_.erase(ticket);
    if (well) return {};
    return refused("copy on the late device", "its cable is loose");
  }

  std::mutex mutex_;
  FakeDevice memory_;
  std::map<DeviceTicket, Batch> open_;
  std::uint64_t tickets_ = 0;
};

}  // namespace netmem
