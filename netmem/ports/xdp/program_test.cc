// What the XDP program takes off the kernel's path, header by header.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "netmem/ports/xdp/station_test_support.h"
#include "tests/support/eventually.h"
#include "tests/support/frames.h"

namespace netmem {
namespace {

using frames::Bytes;
using testing::counter;
using testing::InNamespace;
using testing::receive_text;
using testing::send_text;
using testing::Station;
using testing::VethPair;

// Those of tests/support/frames.h.
constexpr std::uint16_t kPort = 0x5678;
std::array<std::byte, 16> address4() {
  std::array<std::byte, 16> address{};
  address[10] = address[11] = std::byte{0xff};
  address[12] = std::byte{10};
  address[15] = std::byte{2};
  return address;
}
std::array<std::byte, 16> address6() {
  std::array<std::byte, 16> address{};
  for (std::size_t i = 0; i < 16; ++i) address[i] = static_cast<std::byte>(i);
  return address;
}

// Sends frames as they are, from the far end.
class RawSender {
 public:
  explicit RawSender(const VethPair& veth) {
    const InNamespace there(veth.far_space());
    socket_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex(VethPair::kFar));
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  void send(const Bytes& frame) const {
    EXPECT_EQ(::send(socket_.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
  }

 private:
  Fd socket_;
};

class XdpProgram : public ::testing::TestWithParam<XdpMode> {
 protected:
  void SetUp() override {
    veth = VethPair::create({}, why);
    if (!veth) GTEST_SKIP() << why;
    station = std::make_unique<Station>(XdpOptions{}, GetParam());
    ASSERT_TRUE(station->port);
    sender = std::make_unique<RawSender>(*veth);
  }
  void TearDown() override {
    if (station && station->port) testing::expect_nothing_lost(*station->port);
    station.reset();
  }

  // Whether the port gets the frame. A marker that it surely gets follows each: so nobody waits.
  bool takes(const Bytes& frame) {
    const XdpMatch marker{.protocol = IPPROTO_UDP, .port = 0xffff, .address = address4()};
    station->add(marker);
    Bytes end = frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kUdp, 8) + frames::udp(0);
    end.set_big_endian(14 + 20 + 2, 0xffff);
    sender->send(frame);
    sender->send(end);
    std::size_t got = 0;
    std::vector<Packet> packets(1);
    for (bool ended = false; !ended; ++got) {
      if (station->port->receive(packets, kLimitMs).value_or(0) == 0) {
        ADD_FAILURE() << "the marker did not come";
        return false;
      }
      const auto bytes = packets[0].header_bytes();
      ended = bytes.size() == end.size() && std::equal(bytes.begin(), bytes.end(), end.begin());
      packets[0].reset();
    }
    EXPECT_TRUE(station->filter->remove(0, marker));
    return got == 2;
  }

  std::string why;
  std::unique_ptr<VethPair> veth;
  std::unique_ptr<Station> station;
  std::unique_ptr<RawSender> sender;
};
INSTANTIATE_TEST_SUITE_P(Modes, XdpProgram, ::testing::Values(XdpMode::native, XdpMode::generic),
                         [](const auto& mode) { return mode.param == XdpMode::native ? "Native" : "Generic"; });

const Bytes& udp4() {
  static const Bytes frame =
      frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kUdp, 12) + frames::udp(4) + frames::filled(4);
  return frame;
}
const Bytes& tcp4() {
  static const Bytes frame = frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kTcp, 20) + frames::tcp();
  return frame;
}
const Bytes& udp6() {
  static const Bytes frame =
      frames::ethernet(frames::kIpv6) + frames::ipv6(frames::kUdp, 12) + frames::udp(4) + frames::filled(4);
  return frame;
}
const Bytes& arp() {
  static const Bytes frame = frames::ethernet(frames::kArp) + frames::zeros(46);
  return frame;
}

TEST_P(XdpProgram, WithoutMatchesNothingIsTaken) {
  for (const Bytes& frame : {udp4(), tcp4(), udp6(), arp()}) EXPECT_FALSE(takes(frame));
}

TEST_P(XdpProgram, AnyFrameIsAnyFrame) {
  station->add({});
  for (const Bytes& frame : {udp4(), tcp4(), udp6(), arp(), frames::ethernet(0x88cc) + frames::zeros(46)})
    EXPECT_TRUE(takes(frame));
}

TEST_P(XdpProgram, AProtocolIsTakenOnAnyPortOverBothVersions) {
  station->add({.protocol = IPPROTO_UDP});
  EXPECT_TRUE(takes(udp4()));
  EXPECT_TRUE(takes(udp6()));
  EXPECT_FALSE(takes(tcp4()));
  EXPECT_FALSE(takes(arp()));
}

TEST_P(XdpProgram, APortIsOfItsProtocol) {
  station->add({.protocol = IPPROTO_TCP, .port = kPort});
  EXPECT_TRUE(takes(tcp4()));
  EXPECT_FALSE(takes(udp4()));
  station->add({.protocol = IPPROTO_UDP, .port = kPort + 1});
  EXPECT_FALSE(takes(udp4()));
  station->add({.protocol = IPPROTO_UDP, .port = kPort});
  EXPECT_TRUE(takes(udp4()));
  EXPECT_TRUE(takes(udp6()));
}

TEST_P(XdpProgram, AnAddressIsOfItsVersion) {
  station->add({.protocol = IPPROTO_UDP, .address = address4()});
  EXPECT_TRUE(takes(udp4()));
  EXPECT_FALSE(takes(tcp4()));
  EXPECT_FALSE(takes(udp6()));
  station->add({.protocol = IPPROTO_UDP, .address = address6()});
  EXPECT_TRUE(takes(udp6()));
}

TEST_P(XdpProgram, PortAndAddressMustBothMatch) {
  auto other = address4();
  other[15] = std::byte{3};
  station->add({.protocol = IPPROTO_UDP, .port = kPort, .address = other});
  station->add({.protocol = IPPROTO_UDP, .port = kPort + 1, .address = address4()});
  EXPECT_FALSE(takes(udp4()));
  station->add({.protocol = IPPROTO_UDP, .port = kPort, .address = address4()});
  EXPECT_TRUE(takes(udp4()));
}

TEST_P(XdpProgram, MatchesChangeWhileFramesCome) {
  const XdpMatch one{.protocol = IPPROTO_UDP, .port = kPort};
  const XdpMatch two{.protocol = IPPROTO_UDP, .port = kPort + 1};
  for (int round = 0; round < 3; ++round) {
    station->add(one);
    station->add(two);
    EXPECT_TRUE(takes(udp4()));
    EXPECT_TRUE(station->filter->remove(0, two));
    EXPECT_TRUE(takes(udp4())) << "another of the same shape went";
    EXPECT_TRUE(station->filter->remove(0, one));
    EXPECT_FALSE(takes(udp4()));
  }
  station->add(one);
  EXPECT_TRUE(station->filter->clear(0));
  EXPECT_FALSE(takes(udp4()));
}

TEST_P(XdpProgram, FragmentsNeverMatchAPort) {
  station->add({.protocol = IPPROTO_UDP, .port = kPort});
  station->add({.protocol = IPPROTO_UDP, .port = kPort, .address = address4()});
  constexpr unsigned kMore = 0x2000;
  constexpr unsigned kDoNotFragment = 0x4000;
  const auto with = [](unsigned fragment) {
    return frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kUdp, 16, 0, fragment) + frames::udp(8) +
           frames::filled(8);
  };
  EXPECT_TRUE(takes(with(kDoNotFragment)));
  EXPECT_FALSE(takes(with(kMore)));
  EXPECT_FALSE(takes(with(2)));
  EXPECT_FALSE(takes(frames::ethernet(frames::kIpv6) + frames::ipv6(frames::kFragment, 24) +
                     frames::fragment_header(frames::kUdp, 1) + frames::udp(8) + frames::filled(8)));
  station->add({.protocol = IPPROTO_UDP});
  EXPECT_TRUE(takes(with(kMore))) << "but a protocol";
}

TEST_P(XdpProgram, OptionsAndExtensionHeadersAreSkipped) {
  station->add({.protocol = IPPROTO_UDP, .port = kPort});
  for (const unsigned options : {4u, 40u})
    EXPECT_TRUE(takes(frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kUdp, 8, options) + frames::udp(0)));
  Bytes extensions;
  std::size_t size = 8;
  for (unsigned count = 1; count <= 8; ++count) {
    const unsigned next = count == 1 ? frames::kUdp : frames::kDestinationOptions;
    extensions = frames::extension(next, count % 3) + extensions;
    size += 8 * (1 + count % 3);
    EXPECT_TRUE(takes(frames::ethernet(frames::kIpv6) + frames::ipv6(frames::kDestinationOptions, size) + extensions +
                      frames::udp(0)))
        << count;
  }
  EXPECT_FALSE(takes(frames::ethernet(frames::kIpv6) + frames::ipv6(frames::kDestinationOptions, size + 8) +
                     frames::extension(frames::kDestinationOptions) + extensions + frames::udp(0)))
      << "more than it walks";
  const Bytes authentication{frames::kUdp, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // RFC 4302: (1 + 2) * 4 bytes
  EXPECT_TRUE(takes(frames::ethernet(frames::kIpv6) + frames::ipv6(frames::kAuthentication, 20) + authentication +
                    frames::udp(0)));
}

TEST_P(XdpProgram, TwoVlanTagsAreSkippedAndNoMore) {
  station->add({.protocol = IPPROTO_UDP, .port = kPort});
  const Bytes rest = Bytes(frames::ipv4(frames::kUdp, 8)) + frames::udp(0);
  EXPECT_TRUE(takes(frames::ethernet(frames::kCustomerTag) + frames::tag(frames::kIpv4) + rest));
  EXPECT_TRUE(takes(frames::ethernet(frames::kServiceTag) + frames::tag(frames::kCustomerTag) +
                    frames::tag(frames::kIpv4) + rest));
  EXPECT_FALSE(takes(frames::ethernet(frames::kServiceTag) + frames::tag(frames::kCustomerTag) +
                     frames::tag(frames::kCustomerTag) + frames::tag(frames::kIpv4) + rest));
}

TEST_P(XdpProgram, WhatIsCutShortIsLeftToTheKernel) {
  station->add({.protocol = IPPROTO_UDP, .port = kPort});
  station->add({.protocol = IPPROTO_UDP, .port = kPort, .address = address4()});
  for (const Bytes& frame : {udp4(), udp6()}) {
    const std::size_t ports_end = frame == udp4() ? 14 + 20 + 4 : 14 + 40 + 4;
    for (std::size_t size = 14; size < ports_end; ++size) {
      Bytes cut = frame;
      cut.resize(size);
      EXPECT_FALSE(takes(cut)) << size;
    }
  }
}

TEST_P(XdpProgram, ManyQueuesOfMatchesAreKeptApart) {
  station->add({.protocol = IPPROTO_UDP, .port = kPort}, 1);
  station->add({}, 2);
  EXPECT_FALSE(takes(udp4()));
}

}  // namespace
}  // namespace netmem
