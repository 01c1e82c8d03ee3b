#include "tools/turn_around.h"

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "netmem/packet/checksum.h"

namespace netmem::tool {
namespace {

// Offsets from the headers' beginnings: IEEE 802.3, RFC 791, RFC 8200, RFC 768.
constexpr std::size_t kMac = 6;
constexpr std::size_t kSource4 = 12, kAddress4 = 4;
constexpr std::size_t kSource6 = 8, kAddress6 = 16;
constexpr std::size_t kPort = 2;

// Two neighbouring fields of one size, known at compile time: then each is a load and a store.
template <std::size_t kSize>
class Pair {
 public:
  using Field = std::array<unsigned char, kSize>;

  // `sender`: which of them is the sender's, 0 or 1.
  Pair(std::span<std::byte> header, std::size_t at, std::size_t sender)
      : at_(header.subspan(at, sizeof fields_).data()), sender_(sender) {
    std::memcpy(fields_.data(), at_, sizeof fields_);
  }
  [[nodiscard]] const Field& from() const { return fields_[sender_]; }
  [[nodiscard]] const Field& to() const { return fields_[1 - sender_]; }
  void exchange() const {
    std::memcpy(at_, &fields_[1], kSize);
    std::memcpy(at_ + kSize, &fields_[0], kSize);
  }

 private:
  std::byte* at_;
  std::size_t sender_;
  std::array<Field, 2> fields_;
};

template <std::size_t kSize>
bool all_are(const std::array<unsigned char, kSize>& bytes, unsigned char value) {
  std::array<unsigned char, kSize> same;
  same.fill(value);
  return bytes == same;
}

bool is_group(const std::array<unsigned char, kMac>& mac) { return (mac[0] & 1U) != 0; }
bool is_many(const std::array<unsigned char, kAddress6>& address) { return address[0] == 0xff; }
bool is_many(const std::array<unsigned char, kAddress4>& address) {
  return (address[0] & 0xf0U) == 0xe0 || all_are(address, 0xff);
}

template <std::size_t kAddress>
Answer turn_around(Packet& packet, std::size_t source) {
  const HeaderLayout& layout = packet.info.layout;
  const std::span<std::byte> header = packet.header_bytes();
  const Pair<kMac> macs(header, 0, 1);
  const Pair<kAddress> hosts(header, layout.network + source, 0);
  const Pair<kPort> ports(header, layout.transport, 0);
  if (is_group(macs.to()) || is_many(hosts.to())) return Answer::to_many;
  if (is_group(macs.from()) || is_many(hosts.from()) || all_are(hosts.from(), 0) || all_are(ports.from(), 0))
    return Answer::no_sender;
  macs.exchange();
  hosts.exchange();
  ports.exchange();
  if (has_partial_checksum(packet)) write_checksum(packet);  // the sum of what changed places is the same
  return Answer::ready;
}

}  // namespace

Answer turn_around(Packet& packet) {
  const HeaderLayout& layout = packet.info.layout;
  if (layout.unsplit != Unsplit::none || layout.protocol != IPPROTO_UDP) return Answer::not_udp;
  return layout.ip_version == 4 ? turn_around<kAddress4>(packet, kSource4) : turn_around<kAddress6>(packet, kSource6);
}

}  // namespace netmem::tool
