#include "tools/turn_around.h"

#include <gtest/gtest.h>

#include "netmem/packet/checksum.h"
#include "tests/support/frames.h"
#include "tests/support/packets.h"
#include "tests/support/test_provider.h"

namespace netmem::tool {
namespace {

using namespace frames;

class TurnAround : public testing::Test {
 protected:
  Packet packet(const Bytes& frame) { return packet_in_pages(frame, *pool_, *pool_, 13); }
  static Bytes header(const Packet& packet) {
    const auto bytes = packet.header_bytes();
    return {bytes.begin(), bytes.end()};
  }
  static Bytes part(const Bytes& bytes, std::size_t at, std::size_t size) {
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    return {from, from + static_cast<std::ptrdiff_t>(size)};
  }
  // Turned around, and every field where it belongs.
  void expect_answer(const Bytes& frame, std::size_t network, std::size_t address, std::size_t size) {
    Packet answer = packet(frame);
    ASSERT_EQ(turn_around(answer), Answer::ready);
    const Bytes turned = header(answer);
    const std::size_t transport = answer.info.layout.transport;
    EXPECT_EQ(part(turned, 0, 6), part(frame, 6, 6));
    EXPECT_EQ(part(turned, 6, 6), part(frame, 0, 6));
    EXPECT_EQ(part(turned, 12, network - 12), part(frame, 12, network - 12)) << "tags stay";
    EXPECT_EQ(part(turned, network + address, size), part(frame, network + address + size, size));
    EXPECT_EQ(part(turned, network + address + size, size), part(frame, network + address, size));
    EXPECT_EQ(part(turned, transport, 2), part(frame, transport + 2, 2));
    EXPECT_EQ(part(turned, transport + 2, 2), part(frame, transport, 2));
    EXPECT_EQ(checksum_of(answer), checksum_of(packet(frame)));
  }
  static void set_checksum(Packet& packet, std::uint16_t value) {
    const std::size_t field = packet.info.layout.transport + 6U;
    packet.header_bytes()[field] = static_cast<std::byte>(value >> 8);
    packet.header_bytes()[field + 1] = static_cast<std::byte>(value);
  }
  static std::uint16_t checksum_field(const Packet& packet) {
    const auto field = packet.header_bytes().subspan(packet.info.layout.transport + 6U, 2);
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(field[0]) << 8 | std::to_integer<unsigned>(field[1]));
  }

  PagePoolPtr pool_ = PagePool::create(TestProvider::create(64), {.name = "frames"}).value();
};

Bytes ipv6_datagram(std::size_t size) {
  Bytes frame = ethernet(kIpv6) + ipv6(kUdp, 8 + size) + udp(size) + filled(size);
  for (std::size_t i = 0; i < 32; ++i) frame[22 + i] = static_cast<std::byte>(0x20 + i);
  return frame;
}
Bytes ipv4_datagram(std::size_t size) { return ethernet(kIpv4) + ipv4(kUdp, 8 + size) + udp(size) + filled(size); }

TEST_F(TurnAround, ExchangesWhatIpv4Has) {
  for (const std::size_t size : {0U, 1U, 12U, 13U, 14U, 100U}) expect_answer(ipv4_datagram(size), 14, 12, 4);
}

TEST_F(TurnAround, ExchangesWhatIpv6Has) {
  for (const std::size_t size : {0U, 1U, 13U, 100U}) expect_answer(ipv6_datagram(size), 14, 8, 16);
}

TEST_F(TurnAround, LeavesTagsAndOptionsWhereTheyAre) {
  expect_answer(ethernet(kServiceTag) + tag(kCustomerTag) + tag(kIpv4) + ipv4(kUdp, 8 + 5, 8) + udp(5) + filled(5), 22,
                12, 4);
}

TEST_F(TurnAround, LeavesAChecksumAsGoodOrBadAsItWas) {
  for (const Bytes& frame : {ipv4_datagram(101), ipv6_datagram(100)}) {
    Packet good = packet(frame), bad = packet(frame);
    ASSERT_TRUE(write_checksum(good));
    const std::uint16_t before = checksum_field(good);
    set_checksum(bad, before ^ 1U);
    ASSERT_EQ(turn_around(good), Answer::ready);
    ASSERT_EQ(turn_around(bad), Answer::ready);
    EXPECT_EQ(checksum_of(good), Checksum::good);
    EXPECT_EQ(checksum_field(good), before);
    EXPECT_EQ(checksum_field(bad), before ^ 1U);
  }
}

TEST_F(TurnAround, FinishesAChecksumThatWasLeftToHardware) {
  for (const Bytes& frame : {ipv4_datagram(101), ipv6_datagram(100)}) {
    Packet left = packet(frame);
    for (unsigned sum = 1; sum < 0x10000 && !has_partial_checksum(left); ++sum)
      set_checksum(left, static_cast<std::uint16_t>(sum));
    ASSERT_EQ(turn_around(left), Answer::ready);
    EXPECT_EQ(checksum_of(left), Checksum::good);
  }
}

TEST_F(TurnAround, RefusesWhatIsNoDatagram) {
  for (const Bytes& frame : {ethernet(kIpv4) + ipv4(kTcp, 20) + tcp(), ethernet(kArp) + filled(28),
                             ethernet(kIpv4) + ipv4(kUdp, 16, 0, 0x2000) + udp(8) + filled(8)}) {
    Packet refused = packet(frame);
    const Bytes before = header(refused);
    EXPECT_EQ(turn_around(refused), Answer::not_udp);
    EXPECT_EQ(header(refused), before);
  }
}

TEST_F(TurnAround, RefusesWhatWentToMany) {
  const auto changed = [](Bytes frame, std::size_t at, const Bytes& bytes) {
    std::ranges::copy(bytes, frame.begin() + static_cast<std::ptrdiff_t>(at));
    return frame;
  };
  for (const Bytes& frame :
       {changed(ipv4_datagram(3), 0, Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
        changed(ipv4_datagram(3), 30, Bytes{224, 0, 0, 251}), changed(ipv4_datagram(3), 30, Bytes{255, 255, 255, 255}),
        changed(ipv6_datagram(3), 38, Bytes{0xff, 2})}) {
    Packet refused = packet(frame);
    EXPECT_EQ(turn_around(refused), Answer::to_many);
    EXPECT_EQ(header(refused), part(frame, 0, refused.header().size));
  }
}

TEST_F(TurnAround, RefusesWhatSaysNoSender) {
  const auto zeroed = [](Bytes frame, std::size_t at, std::size_t size) {
    std::fill_n(frame.begin() + static_cast<std::ptrdiff_t>(at), size, std::byte{0});
    return frame;
  };
  for (const Bytes& frame :
       {zeroed(ipv4_datagram(3), 34, 2), zeroed(ipv4_datagram(3), 26, 4), zeroed(ipv6_datagram(3), 22, 16)}) {
    Packet refused = packet(frame);
    EXPECT_EQ(turn_around(refused), Answer::no_sender);
  }
}

}  // namespace
}  // namespace netmem::tool
