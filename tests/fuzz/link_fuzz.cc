// Messages of rtnetlink about interfaces: whatever bytes come, the state stays one that can be.

#include <span>
#include <vector>

#include "netmem/ports/link/watch.h"
#include "tests/fuzz/properties.h"

namespace {

constexpr unsigned kIndex = 7;

void check(const netmem::LinkState& before, const netmem::LinkState& after) {
  NETMEM_CHECK(after.downs >= before.downs && after.ups >= before.ups && after.mtu_changes >= before.mtu_changes,
               "a count went down");
  NETMEM_CHECK(after.known || !before.known, "the interface became unknown");
  NETMEM_CHECK(!after.removed || !after.up, "the interface is gone, and up");
  const auto swings = static_cast<std::int64_t>(after.downs) - static_cast<std::int64_t>(after.ups);
  NETMEM_CHECK(swings >= -1 && swings <= 1, "%ld more downs than ups", static_cast<long>(swings));
}

}  // namespace

// The first byte says where the bytes are cut in two: the kernel's messages come in several pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t cut = 1 + data[0] * (size - 1) / 256;
  const auto bytes = std::as_bytes(std::span(data, size));
  netmem::LinkState state;
  for (const auto piece : {bytes.subspan(1, cut - 1), bytes.subspan(cut)}) {
    const netmem::LinkState before = state;
    // A copy of its own, so that reading beyond it is seen.
    const std::vector<std::byte> copy(piece.begin(), piece.end());
    netmem::read_link_messages(copy, kIndex, state);
    check(before, state);
  }
  return 0;
}
