#include "netmem/packet/headers.h"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>

#include "tests/support/frames.h"

namespace netmem {

void PrintTo(const HeaderLayout& layout, std::ostream* out) {
  *out << name_of(layout.unsplit) << " tags " << +layout.vlan_tags << " ip " << +layout.ip_version << " protocol "
       << +layout.protocol << " network " << layout.network << " transport " << layout.transport << " payload "
       << layout.payload << " size " << layout.payload_size;
}

namespace {

using namespace frames;

HeaderLayout parse(const Bytes& frame) {
  const HeaderLayout layout = parse_headers(frame, frame.size());
  EXPECT_TRUE(layout == parse_any_headers(frame, frame.size())) << "the short way differs";
  return layout;
}
Unsplit why(const Bytes& frame) {
  const HeaderLayout layout = parse(frame);
  if (layout.unsplit != Unsplit::none) {
    EXPECT_EQ(layout.transport, 0);
    EXPECT_EQ(layout.payload, 0);
    EXPECT_EQ(layout.payload_size, 0);
  }
  return layout.unsplit;
}

Bytes plain_udp(std::size_t payload) {
  return ethernet(kIpv4) + ipv4(kUdp, 8 + payload) + udp(payload) + filled(payload);
}

TEST(Headers, UdpOverIpv4) {
  const HeaderLayout expected{.unsplit = Unsplit::none,
                              .ip_version = 4,
                              .protocol = kUdp,
                              .network = 14,
                              .transport = 34,
                              .payload = 42,
                              .payload_size = 100};
  EXPECT_EQ(parse(plain_udp(100)), expected);
}

TEST(Headers, TcpWithOptionsOverIpv4WithOptions) {
  const HeaderLayout expected{.unsplit = Unsplit::none,
                              .ip_version = 4,
                              .protocol = kTcp,
                              .network = 14,
                              .transport = 14 + 20 + 8,
                              .payload = 14 + 28 + 32,
                              .payload_size = 50};
  EXPECT_EQ(parse(ethernet(kIpv4) + ipv4(kTcp, 32 + 50, 8) + tcp(12) + filled(50)), expected);
}

TEST(Headers, UdpOverIpv6) {
  const HeaderLayout expected{.unsplit = Unsplit::none,
                              .ip_version = 6,
                              .protocol = kUdp,
                              .network = 14,
                              .transport = 54,
                              .payload = 62,
                              .payload_size = 7};
  EXPECT_EQ(parse(ethernet(kIpv6) + ipv6(kUdp, 15) + udp(7) + filled(7)), expected);
}

TEST(Headers, UpToTwoTagsOfEitherKind) {
  const Bytes rest = ipv4(kUdp, 11) + udp(3) + filled(3);
  EXPECT_EQ(parse(ethernet(kCustomerTag) + tag(kIpv4) + rest).network, 18);
  const HeaderLayout two = parse(ethernet(kServiceTag) + tag(kCustomerTag) + tag(kIpv4) + rest);
  EXPECT_EQ(two.vlan_tags, 2);
  EXPECT_EQ(two.payload, 50);
  EXPECT_EQ(two.payload_size, 3U);
  EXPECT_EQ(why(ethernet(kServiceTag) + tag(kCustomerTag) + tag(kCustomerTag) + tag(kIpv4) + rest),
            Unsplit::too_many_tags);
}

TEST(Headers, PaddingIsNoPayload) {
  EXPECT_EQ(parse(plain_udp(1) + zeros(17)).payload_size, 1U);
  EXPECT_EQ(parse(ethernet(kIpv4) + ipv4(kTcp, 20) + tcp() + zeros(6)).payload_size, 0U);
  // What the IP packet has behind the UDP datagram is not its payload either.
  EXPECT_EQ(parse(ethernet(kIpv4) + ipv4(kUdp, 20) + udp(4) + filled(12)).payload_size, 4U);
}

TEST(Headers, ExtensionHeadersAreWalkedOver) {
  const Bytes authentication = Bytes{kUdp, 4, 0, 0, 0, 0, 1, 0} + zeros(16);
  const Bytes extensions = extension(kDestinationOptions) + extension(kRouting, 1) + extension(kFragment, 2) +
                           fragment_header(kAuthentication, 0) + authentication;
  const HeaderLayout layout =
      parse(ethernet(kIpv6) + ipv6(kHopByHop, extensions.size() + 9) + extensions + udp(1) + filled(1));
  EXPECT_EQ(layout.unsplit, Unsplit::none);
  EXPECT_EQ(layout.transport, 54 + extensions.size());
  EXPECT_EQ(layout.protocol, kUdp);
}

TEST(Headers, EightExtensionHeadersAndNoMore) {
  Bytes extensions;
  for (unsigned i = 1; i < HeaderLayout::kMostExtensions; ++i) extensions = extensions + extension(kDestinationOptions);
  const Bytes more = extensions + extension(kDestinationOptions) + extension(kUdp);
  extensions = extensions + extension(kUdp);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv6(kDestinationOptions, extensions.size() + 8) + extensions + udp(0)),
            Unsplit::none);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv6(kDestinationOptions, more.size() + 8) + more + udp(0)),
            Unsplit::too_many_extensions);
}

TEST(Headers, WhatIsNoIpSaysSo) {
  EXPECT_EQ(why(ethernet(kArp) + zeros(46)), Unsplit::not_ip);
  EXPECT_EQ(why(ethernet(46) + zeros(46)), Unsplit::not_ip);
  EXPECT_EQ(why(ethernet(kCustomerTag) + tag(kArp) + zeros(46)), Unsplit::not_ip);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv4(kUdp, 38) + udp(30) + zeros(30)), Unsplit::not_ip);
  EXPECT_EQ(why(ethernet(kIpv4) + ipv6(kUdp, 8) + udp(0)), Unsplit::not_ip);
}

TEST(Headers, OtherProtocolsAreNamed) {
  const HeaderLayout icmp = parse(ethernet(kIpv4) + ipv4(1, 64) + zeros(64));
  EXPECT_EQ(icmp.unsplit, Unsplit::other_protocol);
  EXPECT_EQ(icmp.protocol, 1);
  EXPECT_EQ(icmp.network, 14);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv6(kNoNextHeader, 0)), Unsplit::other_protocol);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv6(kHopByHop, 12) + extension(58) + zeros(4)), Unsplit::other_protocol);
}

TEST(Headers, FragmentsAreNotSplit) {
  constexpr unsigned kDontFragment = 0x4000, kMore = 0x2000;
  const Bytes rest = udp(8) + filled(8);
  EXPECT_EQ(why(ethernet(kIpv4) + ipv4(kUdp, 16, 0, kMore) + rest), Unsplit::fragment);
  EXPECT_EQ(why(ethernet(kIpv4) + ipv4(kUdp, 16, 0, 1) + rest), Unsplit::fragment);
  EXPECT_EQ(why(ethernet(kIpv4) + ipv4(kUdp, 16, 0, kDontFragment) + rest), Unsplit::none);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv6(kFragment, 24) + fragment_header(kUdp, 1) + rest), Unsplit::fragment);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv6(kFragment, 24) + fragment_header(kUdp, 8) + rest), Unsplit::fragment);
  EXPECT_EQ(why(ethernet(kIpv6) + ipv6(kFragment, 24) + fragment_header(kUdp, 6) + rest), Unsplit::none);  // reserved
}

TEST(Headers, LengthsThatCannotBeAreRefused) {
  const auto changed = [](Bytes frame, std::size_t at, unsigned value) {
    frame.set_big_endian(at, value);
    return frame;
  };
  const Bytes udp4 = plain_udp(8);                                                     // IP length at 16, UDP at 38
  const Bytes udp6 = ethernet(kIpv6) + ipv6(kUdp, 16) + udp(8) + filled(8);            // IP length at 18
  const Bytes tcp4 = ethernet(kIpv4) + ipv4(kTcp, 24) + tcp(4);                        // data offset at 46
  const Bytes hop = ethernet(kIpv6) + ipv6(kHopByHop, 16) + extension(kUdp) + udp(0);  // its size at 55
  const Bytes ah = ethernet(kIpv6) + ipv6(kAuthentication, 8) + extension(kUdp);       // its size at 55
  for (const unsigned length : {0U, 19U, 27U, 37U, 65535U})
    EXPECT_EQ(why(changed(udp4, 16, length)), Unsplit::bad_length) << length;
  for (const unsigned length : {0U, 7U, 17U, 65535U})
    EXPECT_EQ(why(changed(udp4, 38, length)), Unsplit::bad_length) << length;
  for (const unsigned length : {0U, 7U, 17U, 65535U})
    EXPECT_EQ(why(changed(udp6, 18, length)), Unsplit::bad_length) << length;
  EXPECT_EQ(why(changed(tcp4, 46, 0x4010)), Unsplit::bad_length);
  EXPECT_EQ(why(changed(tcp4, 46, 0x7010)), Unsplit::bad_length);
  EXPECT_EQ(why(changed(tcp4, 16, 39)), Unsplit::bad_length);
  EXPECT_EQ(why(changed(udp4, 14, 0x4400)), Unsplit::bad_length);
  EXPECT_EQ(why(changed(hop, 54, 0x1102)), Unsplit::bad_length);
  EXPECT_EQ(why(changed(hop, 54, 0x3a02)), Unsplit::bad_length);  // although nobody looks at what follows, ICMPv6
  EXPECT_EQ(why(changed(hop, 18, 7)), Unsplit::bad_length);
  EXPECT_EQ(why(ah), Unsplit::bad_length);
}

TEST(Headers, AFirstBufferThatEndsEarlyIsToldFromAFrameThatDoes) {
  const Bytes authentication = Bytes{kTcp, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
  for (const Bytes& frame :
       {plain_udp(4), ethernet(kCustomerTag) + tag(kIpv4) + ipv4(kTcp, 24, 4) + tcp(4),
        ethernet(kIpv6) + ipv6(kHopByHop, 44) + extension(kAuthentication) + authentication + tcp(4)}) {
    const HeaderLayout whole = parse(frame);
    ASSERT_EQ(whole.unsplit, Unsplit::none);
    for (std::size_t size = 0; size <= frame.size(); ++size) {
      std::vector<std::byte> first(size);  // of exactly that size, for AddressSanitizer
      for (std::size_t i = 0; i < size; ++i) first[i] = frame[i];
      const HeaderLayout layout = parse_headers(first, frame.size());
      if (size >= whole.payload) {
        EXPECT_EQ(layout, whole);
      } else {
        EXPECT_EQ(layout.unsplit, Unsplit::headers_not_in_first_buffer) << size << " bytes";
      }
      const Unsplit cut = parse_headers(first, size).unsplit;
      if (size < whole.network + (whole.ip_version == 4 ? 20U : 40U)) {
        EXPECT_EQ(cut, Unsplit::truncated);
      } else if (size < frame.size()) {
        EXPECT_EQ(cut, Unsplit::bad_length);
      }
    }
  }
}

TEST(Headers, EveryReasonHasAName) {
  EXPECT_STREQ(name_of(Unsplit::none), "none");
  EXPECT_STREQ(name_of(Unsplit::not_ip), "not_ip");
  EXPECT_STREQ(name_of(Unsplit::too_many_tags), "too_many_tags");
  EXPECT_STREQ(name_of(Unsplit::other_protocol), "other_protocol");
  EXPECT_STREQ(name_of(Unsplit::fragment), "fragment");
  EXPECT_STREQ(name_of(Unsplit::too_many_extensions), "too_many_extensions");
  EXPECT_STREQ(name_of(Unsplit::headers_not_in_first_buffer), "headers_not_in_first_buffer");
  EXPECT_STREQ(name_of(Unsplit::truncated), "truncated");
  EXPECT_STREQ(name_of(Unsplit::bad_length), "bad_length");
}

}  // namespace
}  // namespace netmem
