// Header split: moves the payload of received packets into another pool, with one batch of copies for all of them.
//
//   add(packet, payload) ... add(packet, payload)   pages of the pool at once, bytes later
//   begin() --> ticket                              the bytes are on their way
//
// Small payloads share pages, as fragments; more than half a page gets a page of its own. Of a payload that needs
// several, each received buffer gets one, where buffers are as large as pages: fewer pieces to copy, and all parts but
// the last nearly full. Otherwise all pages but the last are full.
//
// Threads: the consumer of both pools. Nothing is allocated from the heap after creation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"

namespace netmem {

class HeaderSplit {
 public:
  static constexpr std::size_t kMostPackets = 64;  // between two begin()
  static constexpr std::size_t kMostBuffers = Packet::kMostPayloads + 1;

  explicit HeaderSplit(PagePool& pool);

  // Gives the packet, which has no payload, room for `bytes` of host memory, at most 64 KiB, that stay until the copy
  // has ended. False: the pool has no page, and the packet is to be dropped.
  [[nodiscard]] bool add(Packet& packet, std::span<const std::byte> bytes) noexcept {
    if (bytes.size() > page_size_) [[unlikely]]
      return add_large(packet, bytes);
    const Part to = alloc(static_cast<std::uint32_t>(bytes.size()));
    if (!to.page) [[unlikely]]
      return false;
    packet.add_payload(to);
    copies_[copy_count_++] = {to.page, to.offset, bytes};
    return true;
  }
  // The same for bytes in `count` pieces, each a part of its own, none empty or larger than a page: bytes_of(i).
  template <class BytesOf>
  [[nodiscard]] bool add_each(Packet& packet, std::uint32_t count, BytesOf bytes_of) noexcept {
    CopyIn* const copies = &copies_[copy_count_];
    bool added = true;
    packet.add_payloads(count, [&](std::uint32_t i) {
      const std::span<const std::byte> bytes = bytes_of(i);
      const Part to = added ? alloc(static_cast<std::uint32_t>(bytes.size())) : Part{};
      copies[i] = {to.page, to.offset, bytes};
      added = static_cast<bool>(to.page);
      return to;
    });
    if (added) copy_count_ += count;
    return added;
  }
  // The same for bytes in several buffers that become full pages, at most kMostBuffers and `size` together: add_room()
  // and then, unless it said false, fill() for each, in order, with where the one before ended.
  struct Filled {
    std::uint32_t part = 0;
    std::uint32_t bytes = 0;  // of that part
  };
  [[nodiscard]] bool add_room(Packet& packet, std::uint32_t size) noexcept;
  [[nodiscard]] Filled fill(const Packet& packet, Filled at, std::span<const std::byte> from) noexcept {
    while (!from.empty()) {
      const Part& to = packet.payload()[at.part];
      const std::size_t piece = std::min<std::size_t>(from.size(), to.size - at.bytes);
      copies_[copy_count_++] = {to.page, to.offset + at.bytes, from.first(piece)};
      from = from.subspan(piece);
      at.bytes += static_cast<std::uint32_t>(piece);
      if (at.bytes == to.size) at = {at.part + 1, 0};
    }
    return at;
  }

  // Starts to copy what was added. Empty: the copy engine refused, and no byte of it arrives.
  [[nodiscard]] std::optional<CopyTicket> begin() noexcept;

 private:
  // REQUIRES: at most a page.
  [[nodiscard]] Part alloc(std::uint32_t size) noexcept {
    if (size > page_size_ / 2) return {pool_.try_alloc(), 0, size};
    const Fragment fragment = pool_.try_alloc_fragment(size);
    return {fragment.netmem, fragment.offset, size};
  }
  [[nodiscard]] bool add_large(Packet& packet, std::span<const std::byte> bytes) noexcept;

  PagePool& pool_;
  CopyEngine& engine_;
  const std::uint32_t page_size_;
  std::vector<CopyIn> copies_;  // the first copy_count_
  std::size_t copy_count_ = 0;
};

}  // namespace netmem
