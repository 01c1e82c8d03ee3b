#include "netmem/providers/gpu_copy_engine.h"

#include "netmem/providers/host_copy_engine.h"

namespace netmem {
namespace {

DeviceCopy on_device(const Region& region, const CopyIn& copy) {
  return {.direction = DeviceCopy::Direction::to_device,
          .device = region.address() + region.offset(copy.to) + copy.offset,
          .host = const_cast<std::byte*>(copy.from.data()),  // DeviceCopy: only read
          .size = copy.from.size()};
}

DeviceCopy on_device(const Region& region, const CopyOut& copy) {
  return {.direction = DeviceCopy::Direction::to_host,
          .device = region.address() + region.offset(copy.from) + copy.offset,
          .host = copy.to.data(),
          .size = copy.to.size()};
}

// A page ends where the next one begins, so the pieces of a stream that was staged in neighbours become one copy.
void append(std::vector<DeviceCopy>& copies, const DeviceCopy& next) {
  if (next.size == 0) return;
  if (!copies.empty()) {
    DeviceCopy& last = copies.back();
    if (last.device + last.size == next.device && last.host + last.size == next.host) {
      last.size += next.size;
      return;
    }
  }
  copies.push_back(next);
}

// A device's tickets may begin with 0, which is `done` here.
CopyTicket ours(DeviceTicket ticket) { return CopyTicket{static_cast<std::uint64_t>(ticket) + 1}; }
DeviceTicket device_ticket(CopyTicket ticket) { return DeviceTicket{static_cast<std::uint64_t>(ticket) - 1}; }

}  // namespace

template <class Batch>
Result<CopyTicket> GpuCopyEngine::begin(const Batch& batch) {
  if (auto fits = check_batch(batch, &region_); !fits) return std::unexpected(fits.error());
  const std::scoped_lock lock(mutex_);
  copies_.clear();
  for (const auto& copy : batch) append(copies_, on_device(region_, copy));
  if (copies_.empty()) return CopyTicket::done;
  const Result<DeviceTicket> ticket = device_.enqueue(copies_);
  if (!ticket) return std::unexpected(ticket.error());
  return ours(*ticket);
}

Result<void> GpuCopyEngine::copy_in(std::span<const CopyIn> batch) {
  const Result<CopyTicket> ticket = begin(batch);
  return ticket ? wait(*ticket) : std::unexpected(ticket.error());
}

Result<void> GpuCopyEngine::copy_out(std::span<const CopyOut> batch) {
  const Result<CopyTicket> ticket = begin(batch);
  return ticket ? wait(*ticket) : std::unexpected(ticket.error());
}

Result<CopyTicket> GpuCopyEngine::begin_copy_in(std::span<const CopyIn> batch) { return begin(batch); }

Result<bool> GpuCopyEngine::poll(CopyTicket ticket) {
  return ticket == CopyTicket::done ? true : device_.poll(device_ticket(ticket));
}

Result<void> GpuCopyEngine::wait(CopyTicket ticket) {
  if (ticket == CopyTicket::done) return {};
  return device_.wait(device_ticket(ticket));
}

}  // namespace netmem
