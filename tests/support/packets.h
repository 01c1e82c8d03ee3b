// Packets for tests, as a port would deliver them: bytes of a frame in pages of a pool, headers parsed. One thread, the
// consumer of the pools.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"

namespace netmem {

inline Part part_in_page(PagePool& pool, std::span<const std::byte> bytes, std::uint32_t offset = 3) {
  const Netmem page = pool.try_alloc();
  EXPECT_TRUE(page) << "the test's pool is too small";
  const CopyIn copy{page, offset, bytes};
  EXPECT_TRUE(pool.provider().copy_engine().copy_in({&copy, 1}));
  return {.page = page, .offset = offset, .size = static_cast<std::uint32_t>(bytes.size())};
}

// Headers in a page of `frames`, the payload in pages of `payload`, at most `most` bytes in each; an unsplit frame in
// one page.
inline Packet packet_in_pages(std::span<const std::byte> frame, PagePool& frames, PagePool& payload,
                              std::size_t most = 4000) {
  Packet packet;
  packet.info.layout = parse_headers(frame, frame.size());
  const bool split = packet.info.layout.unsplit == Unsplit::none;
  packet.set_header(part_in_page(frames, split ? frame.first(packet.info.layout.payload) : frame));
  if (!split) return packet;
  auto rest = frame.subspan(packet.info.layout.payload, packet.info.layout.payload_size);
  for (; !rest.empty(); rest = rest.subspan(std::min(most, rest.size())))
    packet.add_payload(part_in_page(payload, rest.first(std::min(most, rest.size()))));
  return packet;
}

}  // namespace netmem
