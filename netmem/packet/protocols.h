// Numbers and header sizes of the protocols that the parser knows. Not for users.
#pragma once

#include <cstddef>
#include <cstdint>

namespace netmem {

// Sizes in bytes, without tags, options and extensions.
inline constexpr std::size_t kEthernetHeader = 14;
inline constexpr std::size_t kTag = 4;
inline constexpr std::size_t kIpv4Header = 20;
inline constexpr std::size_t kIpv6Header = 40;
inline constexpr std::size_t kUdpHeader = 8;
inline constexpr std::size_t kTcpHeader = 20;
inline constexpr std::size_t kLeastExtension = 8;

// IEEE, "EtherType".
inline constexpr std::uint16_t kTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kTypeIpv6 = 0x86dd;
inline constexpr std::uint16_t kTypeCustomerTag = 0x8100;  // 802.1Q
inline constexpr std::uint16_t kTypeServiceTag = 0x88a8;   // 802.1Q, formerly 802.1ad

// IANA, "Assigned Internet Protocol Numbers".
inline constexpr std::uint8_t kHopByHop = 0;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kRouting = 43;
inline constexpr std::uint8_t kFragment = 44;
inline constexpr std::uint8_t kAuthentication = 51;
inline constexpr std::uint8_t kDestinationOptions = 60;

// IPv6 extension headers that are walked over.
constexpr bool is_extension(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kFragment || protocol == kAuthentication ||
         protocol == kDestinationOptions;
}

// Size in bytes of an extension header. `length`: its second byte.
constexpr std::size_t extension_size(std::uint8_t protocol, std::size_t length) {
  if (protocol == kFragment) return 8;
  if (protocol == kAuthentication) return 4 * (length + 2);  // RFC 4302 section 2.2
  return 8 * (length + 1);
}

}  // namespace netmem
