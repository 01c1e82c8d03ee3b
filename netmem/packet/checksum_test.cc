#include "netmem/packet/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "netmem/providers/mapped/device.h"
#include "tests/support/frames.h"
#include "tests/support/pool_checks.h"
#include "tests/support/test_provider.h"

namespace netmem {
namespace {

using namespace frames;

// RFC 1071 word by word, over bytes that lie together.
std::uint16_t slow_checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// The pseudo header of the frame that these functions of frames.h make.
Bytes pseudo_header(const Bytes& frame, const HeaderLayout& layout) {
  const auto from = frame.begin() + layout.network + (layout.ip_version == 4 ? 12 : 8);
  const std::size_t length = layout.payload - layout.transport + layout.payload_size;
  return Bytes(from, from + (layout.ip_version == 4 ? 8 : 32)) +
         Bytes{0, 0, static_cast<unsigned>(length >> 8), static_cast<unsigned>(length), 0, layout.protocol};
}

class ChecksumTest : public testing::Test {
 protected:
  ~ChecksumTest() override {
    expect_balanced(*frames_);
    EXPECT_EQ(frames_->counters().inflight(), 0);
  }

  // The frame with its payload cut into parts of these sizes, the rest in a last one.
  Packet packet_of(const Bytes& frame, const std::vector<std::size_t>& sizes = {}) {
    Packet packet;
    packet.info.layout = parse_headers(frame, frame.size());
    const bool split = packet.info.layout.unsplit == Unsplit::none;
    const std::size_t header = split ? packet.info.layout.payload : frame.size();
    packet.set_header(part_of(std::span(frame).first(header)));
    std::span<const std::byte> rest(frame);
    rest = split ? rest.subspan(header, packet.info.layout.payload_size) : rest.first(0);
    for (const std::size_t size : sizes) {
      packet.add_payload(part_of(rest.first(size)));
      rest = rest.subspan(size);
    }
    if (!rest.empty()) packet.add_payload(part_of(rest));
    return packet;
  }
  Part part_of(std::span<const std::byte> bytes) {
    const Netmem page = frames_->try_alloc();
    std::ranges::copy(bytes, Page(page).address() + 3);
    return {.page = page, .offset = 3, .size = static_cast<std::uint32_t>(bytes.size())};
  }
  static unsigned field_of(const Packet& packet, std::size_t offset) {
    const auto header = packet.header_bytes();
    return std::to_integer<unsigned>(header[offset]) << 8 | std::to_integer<unsigned>(header[offset + 1]);
  }

  PagePoolPtr frames_ = PagePool::create(TestProvider::create(128), {.name = "frames"}).value();
};

TEST(InternetSum, SumsAsTheRfcsExampleDoes) {
  InternetSum sum;
  sum.add(Bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7});  // RFC 1071 section 3
  EXPECT_EQ(sum.checksum(), 0xffff - 0xddf2);
}

TEST(InternetSum, AnySizesInARowSumLikeOneRange) {
  Bytes bytes = filled(200);
  std::ranges::fill(std::span(bytes).subspan(100, 60), std::byte{0xff});
  for (std::size_t first = 0; first <= 70; ++first) {
    for (std::size_t second = 0; second <= 70; ++second) {
      InternetSum sum;
      sum.add(std::span(bytes).first(first));
      sum.add(std::span(bytes).subspan(first, second));
      sum.add(std::span(bytes).subspan(first + second));
      ASSERT_EQ(sum.checksum(), slow_checksum(bytes)) << first << ", " << second;
    }
  }
}

TEST_F(ChecksumTest, EveryFrameOfBothProtocolsAndVersions) {
  const std::vector<Bytes> all = {
      ethernet(kIpv4) + ipv4(kUdp, 8 + 301) + udp(301) + filled(301),
      ethernet(kIpv4) + ipv4(kTcp, 32 + 300, 8) + tcp(12) + filled(300),
      ethernet(kIpv6) + ipv6(kUdp, 8 + 299) + udp(299) + filled(299),
      ethernet(kIpv6) + ipv6(kHopByHop, 8 + 20 + 299) + extension(kTcp) + tcp() + filled(299),
  };
  for (const Bytes& frame : all) {
    for (const std::vector<std::size_t>& sizes : {std::vector<std::size_t>{}, {100}, {1, 1, 0, 3, 2, 7, 100}}) {
      Packet packet = packet_of(frame, sizes);
      const HeaderLayout& layout = packet.info.layout;
      const std::size_t field = layout.transport + (layout.protocol == kUdp ? 6U : 16U);
      EXPECT_NE(checksum_of(packet), Checksum::good);
      ASSERT_TRUE(write_checksum(packet));
      const Bytes covered = Bytes(frame.begin() + layout.transport, frame.end());
      EXPECT_EQ(field_of(packet, field), slow_checksum(pseudo_header(frame, layout) + covered));
      EXPECT_EQ(checksum_of(packet), Checksum::good);
      Page(packet.payload().back().page).address()[5] ^= std::byte{1};
      EXPECT_EQ(checksum_of(packet), Checksum::bad);
    }
  }
}

TEST_F(ChecksumTest, OneThatWasLeftToHardwareIsRecognised) {
  const std::vector<Bytes> all = {
      ethernet(kIpv4) + ipv4(kUdp, 8 + 301) + udp(301) + filled(301),
      ethernet(kIpv4) + ipv4(kTcp, 20) + tcp(),
      ethernet(kIpv6) + ipv6(kUdp, 8 + 299) + udp(299) + filled(299),
  };
  for (const Bytes& frame : all) {
    Packet packet = packet_of(frame);
    const HeaderLayout& layout = packet.info.layout;
    const std::size_t field = layout.transport + (layout.protocol == kUdp ? 6U : 16U);
    EXPECT_FALSE(has_partial_checksum(packet)) << "there is none";
    const std::uint16_t begun = static_cast<std::uint16_t>(~slow_checksum(pseudo_header(frame, layout)));
    packet.header_bytes()[field] = static_cast<std::byte>(begun >> 8);
    packet.header_bytes()[field + 1] = static_cast<std::byte>(begun);
    EXPECT_TRUE(has_partial_checksum(packet));
    ASSERT_TRUE(write_checksum(packet));
    EXPECT_FALSE(has_partial_checksum(packet));
  }
  EXPECT_FALSE(has_partial_checksum(packet_of(ethernet(kArp) + filled(28))));
  EXPECT_FALSE(has_partial_checksum(Packet()));
}

TEST_F(ChecksumTest, UdpWithoutChecksumIsAllowedOverIpv4Alone) {
  EXPECT_EQ(checksum_of(packet_of(ethernet(kIpv4) + ipv4(kUdp, 9) + udp(1) + filled(1))), Checksum::none);
  EXPECT_EQ(checksum_of(packet_of(ethernet(kIpv6) + ipv6(kUdp, 9) + udp(1) + filled(1))), Checksum::bad);
}

TEST_F(ChecksumTest, AUdpChecksumThatComesOutAsZeroIsWrittenAsOnes) {
  Bytes frame = ethernet(kIpv4) + ipv4(kUdp, 10) + udp(2) + zeros(2);
  const Packet probe = packet_of(frame);
  const unsigned rest = slow_checksum(pseudo_header(frame, probe.info.layout) + Bytes(frame.begin() + 34, frame.end()));
  frame.set_big_endian(42, rest);
  Packet packet = packet_of(frame);
  ASSERT_TRUE(write_checksum(packet));
  EXPECT_EQ(field_of(packet, 40), 0xffffU);
  EXPECT_EQ(checksum_of(packet), Checksum::good);
}

TEST_F(ChecksumTest, UnsplitPacketsHaveNone) {
  Packet packet = packet_of(ethernet(kIpv4) + ipv4(1, 30) + zeros(30));
  EXPECT_EQ(checksum_of(packet), Checksum::none);
  EXPECT_FALSE(write_checksum(packet));
}

TEST_F(ChecksumTest, WhatCannotBeReadIsUnchecked) {
  auto memory = make_memfd_provider({.size = std::size_t{1} << 16}).value();
  const PagePoolPtr device = PagePool::create(memory, {.name = "payload", .allow_unreadable = true}).value();
  const Bytes frame = ethernet(kIpv4) + ipv4(kUdp, 8 + 64) + udp(64) + filled(64);
  Packet packet = packet_of(frame, {32});
  const View back = packet.take_payload(1);
  EXPECT_EQ(checksum_of(packet), Checksum::unchecked);
  packet.add_payload({.page = device->try_alloc(), .offset = 0, .size = 32});
  EXPECT_EQ(checksum_of(packet), Checksum::unchecked);
  EXPECT_FALSE(write_checksum(packet));
  EXPECT_EQ(field_of(packet, 40), 0U);
  const View header = packet.take_header();
  EXPECT_EQ(checksum_of(packet), Checksum::unchecked);
  EXPECT_EQ(ipv4_checksum_of(packet), Checksum::none);
}

TEST_F(ChecksumTest, ARouteThatIsNotUsedUpIsUnchecked) {
  Bytes routing = extension(kUdp, 2);
  const auto six = [&] { return packet_of(ethernet(kIpv6) + ipv6(kRouting, 24 + 8) + routing + udp(0)); };
  routing[3] = std::byte{1};
  EXPECT_FALSE(write_checksum(*std::make_unique<Packet>(six())));
  routing[3] = std::byte{0};
  EXPECT_TRUE(write_checksum(*std::make_unique<Packet>(six())));

  Bytes four = ethernet(kIpv4) + ipv4(kUdp, 8, 12) + udp(0);
  const auto with_option = [&](std::initializer_list<unsigned> option) {
    const Bytes bytes = option;
    std::ranges::copy(bytes, four.begin() + 34);
    Packet packet = packet_of(four);
    return write_checksum(packet);
  };
  EXPECT_FALSE(with_option({1, 131, 7, 4, 10, 0, 0, 3, 0}));
  EXPECT_FALSE(with_option({1, 137, 7, 4, 10, 0, 0, 3, 0}));
  EXPECT_TRUE(with_option({1, 131, 7, 8, 10, 0, 0, 3, 0}));
  EXPECT_TRUE(with_option({0, 131, 7, 4, 10, 0, 0, 3, 0}));
  EXPECT_TRUE(with_option({7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 131}));
  EXPECT_TRUE(with_option({7, 0, 4, 131, 7, 4}));
}

TEST_F(ChecksumTest, OfTheIpv4HeaderWithItsOptions) {
  Packet packet = packet_of(ethernet(kCustomerTag) + tag(kIpv4) + ipv4(kTcp, 20, 8) + tcp());
  EXPECT_EQ(ipv4_checksum_of(packet), Checksum::bad);
  ASSERT_TRUE(write_ipv4_checksum(packet));
  EXPECT_EQ(field_of(packet, 28), slow_checksum(ipv4(kTcp, 20, 8)));
  EXPECT_EQ(ipv4_checksum_of(packet), Checksum::good);
  Packet six = packet_of(ethernet(kIpv6) + ipv6(kUdp, 8) + udp(0));
  EXPECT_EQ(ipv4_checksum_of(six), Checksum::none);
  EXPECT_FALSE(write_ipv4_checksum(six));
}

}  // namespace
}  // namespace netmem
