// The Internet checksum of packets in host memory (RFC 1071): of UDP and TCP with their pseudo header (RFC 768, RFC
// 9293, RFC 8200 section 8.1), and of the IPv4 header.
//
// Nobody asks for these unasked: a sender on the same machine leaves the transport checksum to hardware that is not
// there, so a packet from a veth may well be "bad" and sound.
// Threads: any, one at a time for each packet.
// Invariant: parts of any sizes sum like one range, and what cannot be known is not called bad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "netmem/base/export.h"
#include "netmem/packet/packet.h"

namespace netmem {

// Sum of 16-bit words in network order, an odd last byte padded with 0, that goes on over several ranges. Starts at 0.
class NETMEM_EXPORT InternetSum {
 public:
  void add(std::span<const std::byte> bytes) noexcept;
  // `value` as a big-endian word; not between two ranges of which the first is odd.
  void add(std::uint16_t value) noexcept;
  // What belongs into a checksum field, as a number; 0 when the field was among the bytes and is right.
  [[nodiscard]] std::uint16_t checksum() const noexcept;

 private:
  std::uint64_t sum_ = 0;  // of words as they lie in memory
  bool odd_ = false;       // an odd number of bytes so far
};

// What the checksum of the packet's UDP or TCP header says. `unchecked`: a part is device memory or was taken out, or
// the final destination is not in the IP header (source routing). `none`: unsplit, or UDP over IPv4 without a checksum.
[[nodiscard]] NETMEM_EXPORT Checksum checksum_of(const Packet& packet) noexcept;
// Whether that checksum was left to hardware, and only begun: its field has the sum of the pseudo header (Linux
// CHECKSUM_PARTIAL, include/linux/skbuff.h). One finished checksum in 65,536 looks the same; writing it changes
// nothing.
[[nodiscard]] NETMEM_EXPORT bool has_partial_checksum(const Packet& packet) noexcept;
// Writes the checksum of the packet's UDP or TCP header. False, and nothing written, where checksum_of() says
// `unchecked` or the packet is unsplit.
NETMEM_EXPORT bool write_checksum(Packet& packet) noexcept;

// Of the IPv4 header: `none` where there is none.
[[nodiscard]] NETMEM_EXPORT Checksum ipv4_checksum_of(const Packet& packet) noexcept;
NETMEM_EXPORT bool write_ipv4_checksum(Packet& packet) noexcept;

}  // namespace netmem
