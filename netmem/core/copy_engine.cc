#include "netmem/core/copy_engine.h"

#include <vector>

#include "netmem/base/check.h"
#include "netmem/base/crc32c.h"

namespace netmem {

Result<CopyTicket> CopyEngine::begin_copy_in(std::span<const CopyIn> batch) {
  if (auto copied = copy_in(batch); !copied) return std::unexpected(copied.error());
  return CopyTicket::done;
}

Result<CopyTicket> CopyEngine::begin_gather(std::span<const GatherPiece> /*pieces*/, const Destination& /*to*/) {
  return refused("gather", "this copy engine cannot", "copy the bytes out and in again");
}

Result<CopyTicket> CopyEngine::begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) {
  NETMEM_CHECK(crcs.size() == pieces.size(), "%zu CRCs of %zu pieces", crcs.size(), pieces.size());
  std::size_t size = 0;
  for (const GatherPiece& piece : pieces) size += piece.size;
  std::vector<std::byte> bytes(size);
  std::vector<CopyOut> batch;
  std::span<std::byte> left(bytes);
  for (const GatherPiece& piece : pieces) {
    batch.push_back({left.first(piece.size), piece.from, piece.offset});
    left = left.subspan(piece.size);
  }
  if (auto copied = copy_out(batch); !copied) return std::unexpected(copied.error());
  for (std::size_t i = 0; i < batch.size(); ++i) crcs[i] = crc32c(batch[i].to);
  return CopyTicket::done;
}

Result<bool> CopyEngine::poll(CopyTicket /*ticket*/) { return true; }
Result<void> CopyEngine::wait(CopyTicket /*ticket*/) { return {}; }

}  // namespace netmem
