// memcpy behind the copy engine's interface, for memory that the CPU may touch. Any thread.
#pragma once

#include "netmem/core/copy_engine.h"

namespace netmem {

class NETMEM_EXPORT HostCopyEngine final : public CopyEngine {
 public:
  Result<void> copy_in(std::span<const CopyIn> batch) override;
  Result<void> copy_out(std::span<const CopyOut> batch) override;
  Result<CopyTicket> begin_gather(std::span<const GatherPiece> pieces, const Destination& to) override;
  Result<CopyTicket> begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) override;
};

// Refuses a batch with a range that leaves its page, or with a page that the engine does not reach, naming the page;
// every engine's first step. `own`: the one region that it reaches; null: all host memory.
NETMEM_EXPORT Result<void> check_batch(std::span<const CopyIn> batch, const Region* own = nullptr);
NETMEM_EXPORT Result<void> check_batch(std::span<const CopyOut> batch, const Region* own = nullptr);
// The same for CRCs. REQUIRES: as many as pieces.
NETMEM_EXPORT Result<void> check_crc32c(std::span<const GatherPiece> pieces, std::span<const std::uint32_t> crcs,
                                        const Region* own = nullptr);
// The same for a gather, and whether the destination is as large as the pieces together and inside its region. Which
// regions can be written is the engine's to say.
NETMEM_EXPORT Result<void> check_gather(std::span<const GatherPiece> pieces, const Destination& to,
                                        const Region* own = nullptr);

}  // namespace netmem
