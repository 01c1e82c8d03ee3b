// Where a frame's headers end and its payload begins: Ethernet, up to two VLAN tags, IPv4 with options, IPv6 with
// extension headers, then UDP or TCP with options. Everything else is "unsplit", with the reason.
//
//   | Ethernet | tag | tag | IPv4 or IPv6 | extensions | UDP or TCP | payload | padding |
//   0                      network                      transport    payload   payload + payload_size
//
// Threads: any. Any bytes are allowed in a frame.
// Invariants:
//  1. Only bytes of the first buffer are read. One that holds less of the frame gives the same layout, or
//     headers_not_in_first_buffer; one that holds all headers, the same.
//  2. Of a split frame, headers and payload are in order and inside the frame, and nothing else is payload.
//  3. An unsplit frame has its reason, and no offsets but the IP header's.
// Sources: IEEE 802.3 and 802.1Q, RFC 791, RFC 8200, RFC 768, RFC 9293, RFC 4302 (lengths of the headers).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "netmem/base/export.h"

namespace netmem {

// Why a frame is not split. `none`: it is.
enum class Unsplit : std::uint8_t {
  none,
  not_ip,                       // ARP, LLDP, 802.3 with a length, ...
  too_many_tags,                // more than two VLAN tags
  other_protocol,               // IP, but neither TCP nor UDP: ICMP, SCTP, tunnels, ESP, no next header
  fragment,                     // a part of an IP packet, the first one included
  too_many_extensions,          // more than kMostExtensions IPv6 extension headers
  headers_not_in_first_buffer,  // the first buffer ends before the headers do, but the frame goes on
  truncated,                    // the frame ends before its headers do
  bad_length,  // a length field that cannot be: below its minimum, beyond the frame, 0 for a jumbogram or large offload
};
inline constexpr std::size_t kUnsplitReasons = 9;
// "not_ip"
NETMEM_EXPORT const char* name_of(Unsplit reason);

struct HeaderLayout {
  static constexpr unsigned kMostTags = 2;
  static constexpr unsigned kMostExtensions = 8;

  Unsplit unsplit = Unsplit::truncated;
  std::uint8_t vlan_tags = 0;      // in the frame, 0 to 2
  std::uint8_t ip_version = 0;     // 4 or 6; 0: not IP
  std::uint8_t protocol = 0;       // IPPROTO_UDP, IPPROTO_TCP; of unsplit IP packets the last one that was seen
  std::uint16_t network = 0;       // offset of the IP header from the frame's first byte; 0: not IP
  std::uint16_t transport = 0;     // offset of the UDP or TCP header; 0: unsplit
  std::uint16_t payload = 0;       // offset of the payload, that is the headers' size; 0: unsplit
  std::uint32_t payload_size = 0;  // by the length fields, so without Ethernet's padding; 0: unsplit

  friend bool operator==(const HeaderLayout&, const HeaderLayout&) = default;
};

// `first`: the frame's first bytes, as many as the first buffer holds. `frame_size`: bytes of the whole frame, at least
// first.size().
inline HeaderLayout parse_headers(std::span<const std::byte> first, std::size_t frame_size) noexcept;

// The same, without a short way for the usual frame.
NETMEM_EXPORT HeaderLayout parse_any_headers(std::span<const std::byte> first, std::size_t frame_size) noexcept;

// Ethernet, IPv4 without options, UDP: what that looks like is compared in two words.
inline HeaderLayout parse_headers(std::span<const std::byte> first, std::size_t frame_size) noexcept {
  static_assert(std::endian::native == std::endian::little, "the words below are in this order");
  constexpr std::size_t kHeaders = 14 + 20 + 8;
  if (first.size() < kHeaders) [[unlikely]]
    return parse_any_headers(first, frame_size);
  std::uint32_t type_and_version, fragment_and_protocol;
  std::memcpy(&type_and_version, first.data() + 12, 4);
  std::memcpy(&fragment_and_protocol, first.data() + 20, 4);
  std::uint16_t total, length;  // of the IP packet, of the UDP datagram
  std::memcpy(&total, first.data() + 16, 2);
  std::memcpy(&length, first.data() + 38, 2);
  total = std::byteswap(total);
  length = std::byteswap(length);
  const bool usual = (type_and_version & 0x00ff'ffff) == 0x0045'0008 &&       // 08 00, 45
                     (fragment_and_protocol & 0xff00'ff3f) == 0x1100'0000 &&  // no fragment, 11
                     length >= 8 && length + 20 <= total && total + std::size_t{14} <= frame_size;
  if (!usual) [[unlikely]]
    return parse_any_headers(first, frame_size);
  return {.unsplit = Unsplit::none,
          .ip_version = 4,
          .protocol = 17,
          .network = 14,
          .transport = 34,
          .payload = kHeaders,
          .payload_size = std::uint32_t{length} - 8};
}

}  // namespace netmem
