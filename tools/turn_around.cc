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
  // `from_first`: the first of them, at `at`, is the sender's.
  Pair(std::span<std::byte> header, std::size_t at, bool from_first) : at_(header.subspan(at, 2 * kSize).data()) {
    std::memcpy(&from_, at_ + (from_first ? 0 : kSize), kSize);
    std::memcpy(&to_, at_ + (from_first ? kSize : 0), kSize);
    from_first_ = from_first;
  }
  using Field = std::array<unsigned char, kSize>;
  [[nodiscard]] const Field& from() const { return from_; }
  [[nodiscard]] const Field& to() const { return to_; }
  void exchange() const {
    std::memcpy(at_, from_first_ ? &to_ : &from_, kSize);
    std::memcpy(at_ + kSize, from_first_ ? &from_ : &to_, kSize);
  }

 private:
  std::byte* at_;
  Field from_, to_;
  bool from_first_;
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
  const Pair<kMac> macs(header, 0, false);
  const Pair<kAddress> hosts(header, layout.network + source, true);
  const Pair<kPort> ports(header, layout.transport, true);
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
