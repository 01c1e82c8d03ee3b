#include "netmem/packet/headers.h"

#include <array>
#include <bit>
#include <cstring>

#include "netmem/packet/protocols.h"

namespace netmem {
namespace {

static_assert(std::endian::native == std::endian::little, "big_endian_at() swaps");

// The frame, and how much of it may be looked at.
struct Frame {
  const std::byte* bytes;
  std::size_t readable;
  std::size_t size;

  [[nodiscard]] std::uint8_t at(std::size_t offset) const { return std::to_integer<std::uint8_t>(bytes[offset]); }
  [[nodiscard]] std::uint16_t big_endian_at(std::size_t offset) const {
    std::uint16_t value;
    std::memcpy(&value, bytes + offset, sizeof value);
    return __builtin_bswap16(value);
  }
  // Why the bytes before `end`, which is beyond readable, cannot be looked at.
  [[nodiscard]] Unsplit missing(std::size_t end) const {
    return end > size ? Unsplit::truncated : Unsplit::headers_not_in_first_buffer;
  }
};

// `end`: where the IP packet ends, by its length field; at most the frame's end.
Unsplit parse_udp(const Frame& frame, std::size_t transport, std::size_t end, HeaderLayout& layout) {
  if (transport + kUdpHeader > end) return Unsplit::bad_length;
  if (transport + kUdpHeader > frame.readable) [[unlikely]]
    return Unsplit::headers_not_in_first_buffer;
  const std::size_t length = frame.big_endian_at(transport + 4);
  if (length < kUdpHeader || transport + length > end) return Unsplit::bad_length;
  layout.transport = static_cast<std::uint16_t>(transport);
  layout.payload = static_cast<std::uint16_t>(transport + kUdpHeader);
  layout.payload_size = static_cast<std::uint32_t>(length - kUdpHeader);
  return Unsplit::none;
}

Unsplit parse_tcp(const Frame& frame, std::size_t transport, std::size_t end, HeaderLayout& layout) {
  if (transport + kTcpHeader > end) return Unsplit::bad_length;
  if (transport + kTcpHeader > frame.readable) return Unsplit::headers_not_in_first_buffer;
  const std::size_t header = std::size_t{4} * (frame.at(transport + 12) >> 4);
  if (header < kTcpHeader || transport + header > end) return Unsplit::bad_length;
  if (transport + header > frame.readable) return Unsplit::headers_not_in_first_buffer;
  layout.transport = static_cast<std::uint16_t>(transport);
  layout.payload = static_cast<std::uint16_t>(transport + header);
  layout.payload_size = static_cast<std::uint32_t>(end - transport - header);
  return Unsplit::none;
}

Unsplit parse_transport(const Frame& frame, std::size_t transport, std::size_t end, HeaderLayout& layout) {
  if (layout.protocol == kUdp) [[likely]]
    return parse_udp(frame, transport, end, layout);
  if (layout.protocol == kTcp) return parse_tcp(frame, transport, end, layout);
  return Unsplit::other_protocol;
}

Unsplit parse_ipv4(const Frame& frame, std::size_t network, HeaderLayout& layout) {
  if (network + kIpv4Header > frame.readable) [[unlikely]]
    return frame.missing(network + kIpv4Header);
  const std::uint8_t version_and_length = frame.at(network);
  if (version_and_length >> 4 != 4) return Unsplit::not_ip;
  layout.ip_version = 4;
  layout.network = static_cast<std::uint16_t>(network);
  layout.protocol = frame.at(network + 9);
  const std::size_t header = std::size_t{4} * (version_and_length & 15);
  const std::size_t total = frame.big_endian_at(network + 2);
  if (header < kIpv4Header || total < header || network + total > frame.size) return Unsplit::bad_length;
  if ((frame.big_endian_at(network + 6) & 0x3fff) != 0) return Unsplit::fragment;  // more to come, or an offset
  return parse_transport(frame, network + header, network + total, layout);
}

// Walks over the extension headers at `offset`, which moves to what comes after them.
Unsplit walk_extensions(const Frame& frame, std::size_t& offset, std::size_t end, HeaderLayout& layout) {
  for (unsigned walked = 0; is_extension(layout.protocol); ++walked) {
    if (walked == HeaderLayout::kMostExtensions) return Unsplit::too_many_extensions;
    if (offset + kLeastExtension > end) return Unsplit::bad_length;
    if (offset + kLeastExtension > frame.readable) return Unsplit::headers_not_in_first_buffer;
    // One that is whole although it has a fragment header is walked over: RFC 6946.
    if (layout.protocol == kFragment && (frame.big_endian_at(offset + 2) & 0xfff9) != 0) return Unsplit::fragment;
    const std::size_t size = extension_size(layout.protocol, frame.at(offset + 1));
    const std::size_t least = layout.protocol == kAuthentication ? 12 : 8;
    if (size < least || offset + size > end) return Unsplit::bad_length;
    layout.protocol = frame.at(offset);
    offset += size;
  }
  return Unsplit::none;
}

Unsplit parse_ipv6(const Frame& frame, std::size_t network, HeaderLayout& layout) {
  if (network + kIpv6Header > frame.readable) return frame.missing(network + kIpv6Header);
  if (frame.at(network) >> 4 != 6) return Unsplit::not_ip;
  layout.ip_version = 6;
  layout.network = static_cast<std::uint16_t>(network);
  layout.protocol = frame.at(network + 6);
  std::size_t offset = network + kIpv6Header;
  const std::size_t end = offset + frame.big_endian_at(network + 4);
  if (end > frame.size) return Unsplit::bad_length;
  if (is_extension(layout.protocol)) [[unlikely]] {
    const Unsplit why = walk_extensions(frame, offset, end, layout);
    if (why != Unsplit::none) return why;
  }
  return parse_transport(frame, offset, end, layout);
}

// Behind at least one tag. `network`: of what follows it.
Unsplit parse_tagged(const Frame& frame, HeaderLayout& layout) {
  std::uint16_t type = kTypeCustomerTag;
  std::size_t network = kEthernetHeader;
  for (; type == kTypeCustomerTag || type == kTypeServiceTag; network += kTag) {
    if (layout.vlan_tags == HeaderLayout::kMostTags) return Unsplit::too_many_tags;
    if (network + kTag > frame.readable) return frame.missing(network + kTag);
    ++layout.vlan_tags;
    type = frame.big_endian_at(network + 2);
  }
  if (type == kTypeIpv4) return parse_ipv4(frame, network, layout);
  if (type == kTypeIpv6) return parse_ipv6(frame, network, layout);
  return Unsplit::not_ip;
}

Unsplit parse_ethernet(const Frame& frame, HeaderLayout& layout) {
  if (kEthernetHeader > frame.readable) [[unlikely]]
    return frame.missing(kEthernetHeader);
  switch (frame.big_endian_at(kEthernetHeader - 2)) {
    case kTypeIpv4:
      return parse_ipv4(frame, kEthernetHeader, layout);
    case kTypeIpv6:
      return parse_ipv6(frame, kEthernetHeader, layout);
    case kTypeCustomerTag:
    case kTypeServiceTag:
      return parse_tagged(frame, layout);
    default:
      return Unsplit::not_ip;
  }
}

}  // namespace

const char* name_of(Unsplit reason) {
  static constexpr std::array<const char*, kUnsplitReasons> kNames = {"none",
                                                                      "not_ip",
                                                                      "too_many_tags",
                                                                      "other_protocol",
                                                                      "fragment",
                                                                      "too_many_extensions",
                                                                      "headers_not_in_first_buffer",
                                                                      "truncated",
                                                                      "bad_length"};
  return kNames[static_cast<std::size_t>(reason)];
}

// One function of all the steps: called one by one, they cost 6 cycles more.
[[gnu::flatten]] HeaderLayout parse_any_headers(std::span<const std::byte> first, std::size_t frame_size) noexcept {
  HeaderLayout layout;
  layout.unsplit = parse_ethernet({.bytes = first.data(), .readable = first.size(), .size = frame_size}, layout);
  return layout;
}

}  // namespace netmem
