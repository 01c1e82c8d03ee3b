#include "netmem/packet/checksum.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "netmem/packet/protocols.h"

namespace netmem {
namespace {

// Options of RFC 791 section 3.1.
constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kLooseRoute = 131;
constexpr std::uint8_t kStrictRoute = 137;

std::uint64_t add_with_carry(std::uint64_t sum, std::uint64_t value) {
  sum += value;
  return sum + (sum < value ? 1 : 0);
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Where the first `size` bytes begin; they are left out of `bytes`.
const std::byte* take(std::span<const std::byte>& bytes, std::size_t size) {
  const std::byte* from = bytes.data();
  bytes = bytes.subspan(size);
  return from;
}

// Folded to 16 bits, as the bytes lie in memory.
std::uint16_t fold(std::uint64_t sum) {
  sum = (sum & 0xffff'ffff) + (sum >> 32);
  sum = (sum & 0xffff'ffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint64_t sum_of(std::span<const std::byte> bytes) {
  std::array<std::uint64_t, 4> sums{};  // so that one addition need not wait for the one before
  while (bytes.size() >= 32) {
    const std::byte* from = take(bytes, 32);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = add_with_carry(sums[i], load<std::uint64_t>(from + 8 * i));
  }
  // No loop and no memcpy() of a size that varies: what is left is much of a small packet.
  std::uint64_t last = 0;
  if ((bytes.size() & 16U) != 0) {
    const std::byte* from = take(bytes, 16);
    sums[0] = add_with_carry(sums[0], load<std::uint64_t>(from));
    sums[1] = add_with_carry(sums[1], load<std::uint64_t>(from + 8));
  }
  if ((bytes.size() & 8U) != 0) sums[2] = add_with_carry(sums[2], load<std::uint64_t>(take(bytes, 8)));
  if ((bytes.size() & 4U) != 0) last += load<std::uint32_t>(take(bytes, 4));
  if ((bytes.size() & 2U) != 0) last += load<std::uint16_t>(take(bytes, 2));
  if (!bytes.empty()) last += load<std::uint8_t>(bytes.data());
  sums[3] = add_with_carry(sums[3], last);
  return add_with_carry(add_with_carry(sums[0], sums[1]), add_with_carry(sums[2], sums[3]));
}

std::uint8_t at(std::span<const std::byte> header, std::size_t offset) {
  return std::to_integer<std::uint8_t>(header[offset]);
}

// RFC 791: the destination of a source route that is not used up stands in the option.
bool routed_by_options(std::span<const std::byte> options) {
  while (!options.empty() && at(options, 0) != kEndOfOptions) {
    std::size_t size = 1;
    if (at(options, 0) != kNoOperation) {
      if (options.size() < 3) return false;
      size = at(options, 1);
      const bool route = at(options, 0) == kLooseRoute || at(options, 0) == kStrictRoute;
      if (route && at(options, 2) <= size) return true;
      if (size < 2 || size > options.size()) return false;
    }
    options = options.subspan(size);
  }
  return false;
}

// RFC 8200 section 4.4: so does that of a routing header with segments left. `headers`: from the first extension to the
// transport header, as the parser walked over them.
bool routed_by_extensions(std::span<const std::byte> headers, std::uint8_t protocol) {
  while (headers.size() >= kLeastExtension) {
    if (protocol == kRouting && at(headers, 3) != 0) return true;
    const std::size_t size = extension_size(protocol, at(headers, 1));
    protocol = at(headers, 0);
    headers = headers.subspan(std::min(size, headers.size()));
  }
  return false;
}

bool is_routed(std::span<const std::byte> header, const HeaderLayout& layout) {
  const std::span<const std::byte> ip = header.subspan(layout.network, layout.transport - layout.network);
  if (layout.ip_version == 4) return ip.size() > kIpv4Header && routed_by_options(ip.subspan(kIpv4Header));
  return ip.size() > kIpv6Header && routed_by_extensions(ip.subspan(kIpv6Header), at(ip, 6));
}

bool has_headers(const Packet& packet) {
  const Part& header = packet.header();
  return packet.info.layout.unsplit == Unsplit::none && header.page && header.size >= packet.info.layout.payload;
}

// Whether all that the transport's checksum covers can be read, and nothing more is needed.
bool can_sum(const Packet& packet) {
  const HeaderLayout& layout = packet.info.layout;
  if (!has_headers(packet)) return false;
  if (packet.size() != layout.payload + layout.payload_size) return false;
  for (const Part& part : packet.payload())
    if (!part.page || part.page.is_device()) return false;
  return !is_routed(packet.header_bytes(), layout);
}

// REQUIRES: has headers.
InternetSum sum_pseudo_header(const Packet& packet) {
  const HeaderLayout& layout = packet.info.layout;
  const std::span<const std::byte> header = packet.header_bytes();
  const std::uint32_t length = packet.size() - layout.transport;
  InternetSum sum;
  if (layout.ip_version == 4)
    sum.add(header.subspan(layout.network + 12U, 8));
  else
    sum.add(header.subspan(layout.network + 8U, 32));
  sum.add(static_cast<std::uint16_t>(length >> 16));
  sum.add(static_cast<std::uint16_t>(length));
  sum.add(layout.protocol);
  return sum;
}

// The pseudo header, the transport header and the payload. REQUIRES: can_sum().
InternetSum sum_transport(const Packet& packet) {
  InternetSum sum = sum_pseudo_header(packet);
  sum.add(packet.header_bytes().subspan(packet.info.layout.transport));
  for (const Part& part : packet.payload()) sum.add(Page(part.page).bytes().subspan(part.offset, part.size));
  return sum;
}

std::span<std::byte> checksum_field(const Packet& packet) {
  const HeaderLayout& layout = packet.info.layout;
  return packet.header_bytes().subspan(layout.transport + (layout.protocol == kUdp ? 6U : 16U), 2);
}

// The IPv4 header; empty where there is none.
std::span<std::byte> ipv4_header(const Packet& packet) {
  const HeaderLayout& layout = packet.info.layout;
  if (layout.ip_version != 4 || !packet.header().page) return {};
  const std::span<std::byte> rest = packet.header_bytes();
  if (rest.size() < layout.network + kIpv4Header) return {};
  const std::size_t size = std::size_t{4} * (at(rest, layout.network) & 15U);
  if (size < kIpv4Header || layout.network + size > rest.size()) return {};
  return rest.subspan(layout.network, size);
}

void write_big_endian(std::span<std::byte> field, std::uint16_t value) {
  field[0] = static_cast<std::byte>(value >> 8);
  field[1] = static_cast<std::byte>(value);
}

}  // namespace

void InternetSum::add(std::span<const std::byte> bytes) noexcept {
  std::uint64_t sum = sum_of(bytes);
  // Behind an odd number of bytes each one stands in the other half of its word.
  if (odd_) sum = __builtin_bswap16(fold(sum));
  sum_ = add_with_carry(sum_, sum);
  odd_ = odd_ != (bytes.size() % 2 != 0);
}

void InternetSum::add(std::uint16_t value) noexcept { sum_ = add_with_carry(sum_, __builtin_bswap16(value)); }

std::uint16_t InternetSum::checksum() const noexcept {
  return static_cast<std::uint16_t>(~__builtin_bswap16(fold(sum_)));
}

Checksum checksum_of(const Packet& packet) noexcept {
  if (packet.info.layout.unsplit != Unsplit::none) return Checksum::none;
  if (!can_sum(packet)) return Checksum::unchecked;
  const std::span<const std::byte> field = checksum_field(packet);
  if (packet.info.layout.protocol == kUdp && at(field, 0) == 0 && at(field, 1) == 0)
    return packet.info.layout.ip_version == 4 ? Checksum::none : Checksum::bad;
  return sum_transport(packet).checksum() == 0 ? Checksum::good : Checksum::bad;
}

bool has_partial_checksum(const Packet& packet) noexcept {
  if (!has_headers(packet)) return false;
  const std::span<const std::byte> field = checksum_field(packet);
  return (at(field, 0) << 8 | at(field, 1)) == static_cast<std::uint16_t>(~sum_pseudo_header(packet).checksum());
}

bool write_checksum(Packet& packet) noexcept {
  if (!can_sum(packet)) return false;
  const std::span<std::byte> field = checksum_field(packet);
  write_big_endian(field, 0);
  const std::uint16_t checksum = sum_transport(packet).checksum();
  // RFC 768: 0 says that there is none.
  write_big_endian(field, checksum == 0 && packet.info.layout.protocol == kUdp ? 0xffff : checksum);
  return true;
}

Checksum ipv4_checksum_of(const Packet& packet) noexcept {
  const std::span<const std::byte> header = ipv4_header(packet);
  if (header.empty()) return Checksum::none;
  InternetSum sum;
  sum.add(header);
  return sum.checksum() == 0 ? Checksum::good : Checksum::bad;
}

bool write_ipv4_checksum(Packet& packet) noexcept {
  const std::span<std::byte> header = ipv4_header(packet);
  if (header.empty()) return false;
  write_big_endian(header.subspan(10, 2), 0);
  InternetSum sum;
  sum.add(header);
  write_big_endian(header.subspan(10, 2), sum.checksum());
  return true;
}

}  // namespace netmem
