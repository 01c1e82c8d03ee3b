#include "netmem/core/copy_engine.h"

namespace netmem {

Result<CopyTicket> CopyEngine::begin_copy_in(std::span<const CopyIn> batch) {
  if (auto copied = copy_in(batch); !copied) return std::unexpected(copied.error());
  return CopyTicket::done;
}

Result<CopyTicket> CopyEngine::begin_gather(std::span<const GatherPiece> /*pieces*/, const Destination& /*to*/) {
  return refused("gather", "this copy engine cannot", "copy the bytes out and in again");
}

Result<bool> CopyEngine::poll(CopyTicket /*ticket*/) { return true; }
Result<void> CopyEngine::wait(CopyTicket /*ticket*/) { return {}; }

}  // namespace netmem
