// A device for tests: its memory is out of the CPU's reach at the addresses that it gives, copies, moves, gathers and
// digests happen as late as they may, and calls fail when they are told to.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "netmem/base/check.h"
#include "netmem/base/mapping.h"
#include "netmem/providers/gpu/device_api.h"
#include "netmem/providers/gpu/kernels.h"

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
    std::vector<std::byte> bytes(size);
    const std::span<std::byte> all = bytes;
    return keep({std::move(*range), std::move(bytes), all});
  }
  // A handle is where the program has the bytes.
  Result<DeviceAddress> adopt(std::uintptr_t handle, std::size_t size) override {
    if (handle == 0) return refused("adopt memory on the fake device", "there is none");
    auto range = Mapping::create(size, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, "x");
    if (!range) return std::unexpected(range.error());
    return keep({std::move(*range), {}, {reinterpret_cast<std::byte*>(handle), size}});
  }
  Result<Fd> export_dmabuf(DeviceAddress /*address*/, std::size_t size) override {
    Fd fd(::memfd_create("dma-buf of the fake device", MFD_CLOEXEC));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return system_error("export the fake's memory");
    return fd;
  }
  void free(DeviceAddress address) noexcept override {
    const std::scoped_lock lock(mutex_);
    NETMEM_CHECK(memory_.erase(address) == 1, "nothing begins at %#zx", address);
  }

  Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) override {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(fail_enqueue, false)) return refused("copy to the fake device", "its queue is full");
    batches.emplace_back(batch.begin(), batch.end());
    const DeviceTicket ticket = new_ticket();
    for (const DeviceCopy& copy : batch)
      waiting_.emplace_back(ticket, [this, copy] {
        std::byte* const there = place(copy.device).data();
        NETMEM_CHECK(copy.size <= place(copy.device).size(), "%zu bytes leave their memory", copy.size);
        const bool in = copy.direction == DeviceCopy::Direction::to_device;
        std::memcpy(in ? there : copy.host, in ? copy.host : there, copy.size);
      });
    return ticket;
  }
  Result<DeviceTicket> enqueue_gather(DeviceAddress from, std::span<const DeviceMove> moves,
                                      DeviceAddress to) override {
    const kernels::Extent extent = kernels::extent_of(moves);
    return launch("gather on", from, extent.from, to, extent.to,
                  [this, from, to, moves = std::vector(moves.begin(), moves.end())] {
                    for (const DeviceMove& move : moves)
                      if (move.size > 0) std::memcpy(&place(to)[move.to], &place(from)[move.from], move.size);
                  });
  }
  Result<DeviceTicket> enqueue_move(DeviceAddress from, DeviceAddress to, std::size_t size) override {
    return launch("copy on", from, size, to, size,
                  [this, from, to, size] { std::memcpy(place(to).data(), place(from).data(), size); });
  }
  Result<DeviceTicket> enqueue_digest(DeviceAddress from, std::span<const DeviceRange> ranges,
                                      std::span<std::uint32_t> crcs) override {
    return launch("compute digests on", from, kernels::extent_of(ranges).from, from, 0,
                  [this, from, crcs, ranges = std::vector(ranges.begin(), ranges.end())] {
                    for (std::size_t i = 0; i < ranges.size(); ++i)
                      crcs[i] = crc32c(place(from).subspan(ranges[i].offset, ranges[i].size));
                  });
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
  bool fail_launch = false;  // of a move, a gather or a digest
  bool fail_copy = false;    // or launch, as wait tells
  // What was enqueued.
  std::vector<std::vector<DeviceCopy>> batches;

 private:
  struct Memory {
    Mapping range;
    std::vector<std::byte> own;
    std::span<std::byte> bytes;
  };

  Result<DeviceAddress> keep(Memory memory) {
    const auto address = reinterpret_cast<DeviceAddress>(memory.range.data());
    const std::scoped_lock lock(mutex_);
    memory_.emplace(address, std::move(memory));
    return address;
  }
  // From an address to the end of its memory; nothing where there is none.
  std::span<std::byte> place(DeviceAddress address) {
    const auto after = memory_.upper_bound(address);
    if (after == memory_.begin()) return {};
    auto& [begin, memory] = *std::prev(after);
    return address - begin < memory.bytes.size() ? memory.bytes.subspan(address - begin) : std::span<std::byte>{};
  }
  DeviceTicket new_ticket() {
    const DeviceTicket ticket{++tickets_};
    open_.insert(ticket);
    return ticket;
  }
  Result<DeviceTicket> launch(const char* what, DeviceAddress from, std::uint64_t reads, DeviceAddress to,
                              std::uint64_t writes, std::function<void()> work) {
    const std::scoped_lock lock(mutex_);
    const std::string attempted = what + (" " + describe());
    if (std::exchange(fail_launch, false)) return refused(attempted, "its queue is full");
    auto fits = kernels::check_room(attempted, {reads, writes}, {place(from).size(), place(to).size()});
    if (!fits) return std::unexpected(fits.error());
    const DeviceTicket ticket = new_ticket();
    waiting_.emplace_back(ticket, std::move(work));
    return ticket;
  }
  // RFC 3720, appendix B.4, bit by bit.
  static std::uint32_t crc32c(std::span<const std::byte> bytes) {
    std::uint32_t crc = ~std::uint32_t{0};
    for (const std::byte byte : bytes) {
      crc ^= static_cast<std::uint32_t>(byte);
      for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
    return ~crc;
  }
  void land(DeviceTicket upto) {
    for (; !waiting_.empty() && waiting_.front().first <= upto; waiting_.pop_front()) waiting_.front().second();
  }

  std::mutex mutex_;
  std::map<DeviceAddress, Memory> memory_;
  std::deque<std::pair<DeviceTicket, std::function<void()>>> waiting_;
  std::set<DeviceTicket> open_;
  std::uint64_t tickets_ = 0;
};

}  // namespace netmem
