// Copies to and from device memory through the only mapping of it that the CPU may touch.
//
// Threads: any; concurrent copies to the same bytes are the callers' business.
#pragma once

#include <cstddef>
#include <cstdint>

#include "netmem/core/copy_engine.h"
#include "netmem/core/region.h"

namespace netmem {

class NETMEM_EXPORT DeviceCopyEngine final : public CopyEngine {
 public:
  // `window`: the region's first byte for the CPU; null: every copy is refused. `sync_fd`: a dma-buf whose caches are
  // brought up to date around each batch; -1: memory that needs no such thing. REQUIRES: all of them outlive the
  // engine.
  DeviceCopyEngine(const Region& region, std::byte* window, int sync_fd)
      : region_(region), window_(window), sync_fd_(sync_fd) {}

  Result<void> copy_in(std::span<const CopyIn> batch) override;
  Result<void> copy_out(std::span<const CopyOut> batch) override;
  // Into a region of any provider whose engine is one of these.
  Result<CopyTicket> begin_gather(std::span<const GatherPiece> pieces, const Destination& to) override;
  Result<CopyTicket> begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) override;

 private:
  template <class Copies>
  Result<void> bracketed(std::uint64_t direction, const char* attempted, Copies copies) const;
  void gather(std::span<const GatherPiece> pieces, std::byte* to) const;

  const Region& region_;
  std::byte* const window_;
  const int sync_fd_;
};

// DMA_BUF_IOCTL_SYNC with `flags`. ENOTTY: the descriptor is no dma-buf.
Result<void> sync_dmabuf(int fd, std::uint64_t flags, const char* attempted);

}  // namespace netmem
