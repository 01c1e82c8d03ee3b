// Header split: moves the payload of received packets into another pool, with one batch of copies for all of them.
//
//   add(packet, payload) ... add(packet, payload)   pages of the pool at once, bytes later
//   copy()                                          the bytes; then what they lay in goes home
//
// Small payloads share pages, as fragments; more than half a page gets pages of its own.
//
// Threads: the consumer of both pools. Nothing is allocated from the heap after creation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"

namespace netmem {

class HeaderSplit {
 public:
  static constexpr std::size_t kMostPackets = 64;  // between two copy()
  static constexpr std::size_t kMostBuffers = Packet::kMostPayloads + 1;

  explicit HeaderSplit(PagePool& pool);

  // Gives the packet, which has no payload, room for `size` bytes, and for copy() the host memory where they are, in
  // order. False: the pool has no page, and the packet is to be dropped. REQUIRES: size is the sum of the buffers',
  // which are at most kMostBuffers; at most 64 KiB.
  [[nodiscard]] bool add(Packet& packet, std::span<const std::span<const std::byte>> buffers,
                         std::uint32_t size) noexcept;
  // The page of a buffer, to be dropped when its bytes are copied.
  void drop_later(Netmem page) noexcept { spent_.push_back(page); }

  // False: the copy engine refused, and no byte of what was added has arrived.
  [[nodiscard]] bool copy() noexcept;

 private:
  [[nodiscard]] bool add_room(Packet& packet, std::uint32_t size) noexcept;

  PagePool& pool_;
  CopyEngine& engine_;
  const std::uint32_t page_size_;
  std::vector<CopyIn> copies_;
  std::vector<Netmem> spent_;
};

}  // namespace netmem
