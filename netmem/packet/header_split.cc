#include "netmem/packet/header_split.h"

#include <utility>

namespace netmem {

HeaderSplit::HeaderSplit(PagePool& pool)
    : pool_(pool),
      engine_(pool.provider().copy_engine()),
      page_size_(static_cast<std::uint32_t>(pool.page_size())),
      copies_(kMostPackets * (kMostBuffers + Packet::kMostPayloads)) {}

bool HeaderSplit::add_room(Packet& packet, std::uint32_t size) noexcept {
  for (std::uint32_t left = size; left != 0;) {
    const Part part = alloc(std::min(left, page_size_));
    if (!part.page) return false;
    packet.add_payload(part);
    left -= part.size;
  }
  return true;
}

bool HeaderSplit::add_large(Packet& packet, std::span<const std::byte> bytes) noexcept {
  if (!add_room(packet, static_cast<std::uint32_t>(bytes.size()))) return false;
  (void)fill(packet, {}, bytes);
  return true;
}

std::optional<CopyTicket> HeaderSplit::begin() noexcept {
  if (copy_count_ == 0) return CopyTicket::done;
  const Result<CopyTicket> ticket = engine_.begin_copy_in(std::span(copies_).first(std::exchange(copy_count_, 0)));
  return ticket ? std::optional(*ticket) : std::nullopt;
}

}  // namespace netmem
