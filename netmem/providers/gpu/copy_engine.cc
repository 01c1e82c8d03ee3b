#include "netmem/providers/gpu/copy_engine.h"

#include "netmem/core/memory_provider.h"
#include "netmem/providers/common/host_copy_engine.h"

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

Result<CopyTicket> ours(const Result<DeviceTicket>& ticket) {
  if (!ticket) return std::unexpected(ticket.error());
  return ours(*ticket);
}

// From the region's first byte.
std::uint64_t offset_of(const Region& region, const GatherPiece& piece) {
  return region.offset(piece.from) + piece.offset;
}

// The destination's pieces always lie side by side.
void append(std::vector<DeviceMove>& moves, const DeviceMove& next) {
  if (next.size == 0) return;
  if (!moves.empty() && moves.back().from + moves.back().size == next.from) {
    moves.back().size += next.size;
  } else {
    moves.push_back(next);
  }
}

}  // namespace

template <class Batch>
Result<CopyTicket> GpuCopyEngine::begin(const Batch& batch) {
  if (auto fits = check_batch(batch, &region_); !fits) return std::unexpected(fits.error());
  const std::scoped_lock lock(mutex_);
  copies_.clear();
  for (const auto& copy : batch) append(copies_, on_device(region_, copy));
  if (copies_.empty()) return CopyTicket::done;
  return ours(device_.enqueue(copies_));
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

Result<CopyTicket> GpuCopyEngine::begin_gather(std::span<const GatherPiece> pieces, const Destination& to) {
  if (to.region != nullptr) {
    const auto* other = dynamic_cast<GpuCopyEngine*>(&to.region->provider().copy_engine());
    if (other == nullptr || &other->device_ != &device_ || &other->region_ != to.region)
      return refused("gather", "the destination is not in a region of " + device_.describe(),
                     "copy the bytes out and into the other memory");
  }
  if (auto fits = check_gather(pieces, to, &region_); !fits) return std::unexpected(fits.error());
  const std::scoped_lock lock(mutex_);
  moves_.clear();
  std::uint64_t done = 0;
  for (const GatherPiece& piece : pieces) {
    append(moves_, {.from = offset_of(region_, piece), .to = done, .size = piece.size});
    done += piece.size;
  }
  if (moves_.empty()) return CopyTicket::done;
  return ours(device_.enqueue_gather(region_.address(), moves_, to.address));
}

Result<CopyTicket> GpuCopyEngine::begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) {
  if (auto fits = check_crc32c(pieces, crcs, &region_); !fits) return std::unexpected(fits.error());
  if (pieces.empty()) return CopyTicket::done;
  const std::scoped_lock lock(mutex_);
  ranges_.clear();
  for (const GatherPiece& piece : pieces) ranges_.push_back({offset_of(region_, piece), piece.size});
  return ours(device_.enqueue_digest(region_.address(), ranges_, crcs));
}

Result<bool> GpuCopyEngine::poll(CopyTicket ticket) {
  return ticket == CopyTicket::done ? true : device_.poll(device_ticket(ticket));
}

Result<void> GpuCopyEngine::wait(CopyTicket ticket) {
  if (ticket == CopyTicket::done) return {};
  return device_.wait(device_ticket(ticket));
}

}  // namespace netmem
