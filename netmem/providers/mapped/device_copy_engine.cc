#include "netmem/providers/mapped/device_copy_engine.h"

#include <linux/dma-buf.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "netmem/base/crc32c.h"
#include "netmem/core/memory_provider.h"
#include "netmem/providers/common/host_copy_engine.h"

namespace netmem {

// Linux Documentation/driver-api/dma-buf.rst, "CPU access to DMA Buffer Objects"; interrupted calls are repeated.
Result<void> sync_dmabuf(int fd, std::uint64_t flags, const char* attempted) {
  const dma_buf_sync sync{.flags = flags};
  int status = 0;
  do {
    status = ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
  } while (status != 0 && (errno == EINTR || errno == EAGAIN));
  if (status != 0) return system_error(attempted, "the exporter of the dma-buf refused DMA_BUF_IOCTL_SYNC");
  return {};
}

template <class Copies>
Result<void> DeviceCopyEngine::bracketed(std::uint64_t direction, const char* attempted, Copies copies) const {
  if (window_ == nullptr)
    return refused(attempted, "the exporter of " + region_.name() + " lets the CPU map nothing",
                   "use a copy engine of that device");
  if (sync_fd_ < 0) {
    copies();
    return {};
  }
  if (auto begun = sync_dmabuf(sync_fd_, DMA_BUF_SYNC_START | direction, attempted); !begun) return begun;
  copies();
  return sync_dmabuf(sync_fd_, DMA_BUF_SYNC_END | direction, attempted);
}

Result<void> DeviceCopyEngine::copy_in(std::span<const CopyIn> batch) {
  if (auto fits = check_batch(batch, &region_); !fits) return fits;
  return bracketed(DMA_BUF_SYNC_WRITE, "copy into device memory", [&] {
    for (const CopyIn& copy : batch)
      if (!copy.from.empty())
        std::memcpy(window_ + region_.offset(copy.to) + copy.offset, copy.from.data(), copy.from.size());
  });
}

Result<void> DeviceCopyEngine::copy_out(std::span<const CopyOut> batch) {
  if (auto fits = check_batch(batch, &region_); !fits) return fits;
  return bracketed(DMA_BUF_SYNC_READ, "copy out of device memory", [&] {
    for (const CopyOut& copy : batch)
      if (!copy.to.empty())
        std::memcpy(copy.to.data(), window_ + region_.offset(copy.from) + copy.offset, copy.to.size());
  });
}

void DeviceCopyEngine::gather(std::span<const GatherPiece> pieces, std::byte* to) const {
  for (const GatherPiece& piece : pieces) {
    if (piece.size != 0) std::memcpy(to, window_ + region_.offset(piece.from) + piece.offset, piece.size);
    to += piece.size;
  }
}

Result<CopyTicket> DeviceCopyEngine::begin_gather(std::span<const GatherPiece> pieces, const Destination& to) {
  // Whose window it is that the bytes go through, and whose caches that must hear of them.
  const auto* other =
      to.region == nullptr ? nullptr : dynamic_cast<DeviceCopyEngine*>(&to.region->provider().copy_engine());
  if (other == nullptr || &other->region_ != to.region)
    return refused("gather", "the destination is not in a region that the CPU maps for a device",
                   "copy the bytes out and into the other memory");
  if (auto fits = check_gather(pieces, to, &region_); !fits) return std::unexpected(fits.error());

  Result<void> written;
  const Result<void> read = bracketed(DMA_BUF_SYNC_READ, "gather from device memory", [&] {
    written = other->bracketed(DMA_BUF_SYNC_WRITE, "gather into device memory",
                               [&] { gather(pieces, other->window_ + (to.address - to.region->address())); });
  });
  if (!read) return std::unexpected(read.error());
  if (!written) return std::unexpected(written.error());
  return CopyTicket::done;
}

Result<CopyTicket> DeviceCopyEngine::begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) {
  if (auto fits = check_crc32c(pieces, crcs, &region_); !fits) return std::unexpected(fits.error());
  const Result<void> read = bracketed(DMA_BUF_SYNC_READ, "compute a CRC of device memory", [&] {
    for (std::size_t i = 0; i < pieces.size(); ++i)
      crcs[i] = crc32c({window_ + region_.offset(pieces[i].from) + pieces[i].offset, pieces[i].size});
  });
  if (!read) return std::unexpected(read.error());
  return CopyTicket::done;
}

}  // namespace netmem
