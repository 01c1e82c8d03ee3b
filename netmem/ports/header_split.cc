#include "netmem/ports/header_split.h"

#include <algorithm>
#include <utility>

#include "netmem/ports/split_flight.h"

namespace netmem {

HeaderSplit::HeaderSplit(PagePool& pool)
    : pool_(pool), engine_(pool.provider().copy_engine()), page_size_(static_cast<std::uint32_t>(pool.page_size())) {
  copies_.reserve(kMostPackets * (kMostBuffers + Packet::kMostPayloads));
  spent_.reserve(SplitFlight::kMostSpent);
}

bool HeaderSplit::add_room(Packet& packet, std::uint32_t size) noexcept {
  for (std::uint32_t left = size; left != 0;) {
    const Part part = alloc(std::min(left, page_size_));
    if (!part.page) return false;
    packet.add_payload(part);
    left -= part.size;
  }
  return true;
}

bool HeaderSplit::add(Packet& packet, std::span<const std::span<const std::byte>> buffers,
                      std::uint32_t size) noexcept {
  if (!add_room(packet, size)) return false;
  const std::span<const Part> parts = packet.payload();
  std::size_t part = 0;
  std::uint32_t filled = 0;  // of that part
  for (std::span<const std::byte> from : buffers) {
    while (!from.empty()) {
      const Part& to = parts[part];
      const std::size_t piece = std::min<std::size_t>(from.size(), to.size - filled);
      copies_[copy_count_++] = {to.page, to.offset + filled, from.first(piece)};
      from = from.subspan(piece);
      filled += static_cast<std::uint32_t>(piece);
      if (filled == to.size) {
        ++part;
        filled = 0;
      }
    }
  }
  return true;
}

std::optional<CopyTicket> HeaderSplit::begin() noexcept {
  if (copy_count_ == 0) return CopyTicket::done;
  const Result<CopyTicket> ticket = engine_.begin_copy_in(std::span(copies_).first(std::exchange(copy_count_, 0)));
  return ticket ? std::optional(*ticket) : std::nullopt;
}

}  // namespace netmem
