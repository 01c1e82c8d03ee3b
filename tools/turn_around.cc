#include "tools/turn_around.h"

#include <netinet/in.h>

#include <algorithm>

#include "netmem/packet/checksum.h"

namespace netmem::tool {
namespace {

// Offsets from the headers' beginnings: IEEE 802.3, RFC 791, RFC 8200, RFC 768.
constexpr std::size_t kMac = 6;
constexpr std::size_t kSource4 = 12, kAddress4 = 4;
constexpr std::size_t kSource6 = 8, kAddress6 = 16;
constexpr std::size_t kPort = 2;

using Bytes = std::span<std::byte>;

bool all_are(Bytes bytes, unsigned char value) {
  return std::ranges::all_of(bytes, [value](std::byte byte) { return byte == std::byte{value}; });
}

struct Addresses {
  Bytes from, to;
};

// Two neighbouring fields of `size` bytes at `at`; `first` is the first of them.
Addresses pair_at(Bytes header, std::size_t at, std::size_t size, bool from_first) {
  const Bytes first = header.subspan(at, size), second = header.subspan(at + size, size);
  return from_first ? Addresses{first, second} : Addresses{second, first};
}

void exchange(const Addresses& pair) { std::ranges::swap_ranges(pair.from, pair.to); }

bool is_group(Bytes mac) { return (mac[0] & std::byte{1}) != std::byte{0}; }

bool is_many(Bytes address) {
  if (address.size() == kAddress6) return address[0] == std::byte{0xff};
  return (address[0] & std::byte{0xf0}) == std::byte{0xe0} || all_are(address, 0xff);
}

}  // namespace

Answer turn_around(Packet& packet) {
  const HeaderLayout& layout = packet.info.layout;
  if (layout.unsplit != Unsplit::none || layout.protocol != IPPROTO_UDP) return Answer::not_udp;
  const Bytes header = packet.header_bytes();
  const Bytes network = header.subspan(layout.network);
  const Addresses macs = pair_at(header, 0, kMac, false);
  const Addresses hosts = layout.ip_version == 4 ? pair_at(network, kSource4, kAddress4, true)
                                                 : pair_at(network, kSource6, kAddress6, true);
  const Addresses ports = pair_at(header, layout.transport, kPort, true);
  if (is_group(macs.to) || is_many(hosts.to)) return Answer::to_many;
  if (is_group(macs.from) || is_many(hosts.from) || all_are(hosts.from, 0) || all_are(ports.from, 0))
    return Answer::no_sender;
  exchange(macs);
  exchange(hosts);
  exchange(ports);
  write_checksum(packet);
  return Answer::ready;
}

}  // namespace netmem::tool
