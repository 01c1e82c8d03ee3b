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

}  // namespace

template <class Batch>
Result<void> GpuCopyEngine::run(const Batch& batch) {
  if (auto fits = check_batch(batch, &region_); !fits) return fits;
  std::unique_lock lock(mutex_);
  copies_.clear();
  for (const auto& copy : batch) append(copies_, on_device(region_, copy));
  if (copies_.empty()) return {};
  const Result<DeviceTicket> ticket = device_.enqueue(copies_);
  lock.unlock();
  if (!ticket) return std::unexpected(ticket.error());
  return device_.wait(*ticket);
}

Result<void> GpuCopyEngine::copy_in(std::span<const CopyIn> batch) { return run(batch); }
Result<void> GpuCopyEngine::copy_out(std::span<const CopyOut> batch) { return run(batch); }

}  // namespace netmem
