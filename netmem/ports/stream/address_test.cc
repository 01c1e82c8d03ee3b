#include "netmem/ports/stream/address.h"

#include <gtest/gtest.h>

namespace netmem {
namespace {

TEST(Address, HostAndPortAreToldApart) {
  const auto expect = [](const char* text, const char* host, std::uint16_t port) {
    const auto parsed = parse_address(text);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(parsed->host, host);
    EXPECT_EQ(parsed->port, port);
  };
  expect("127.0.0.1:9000", "127.0.0.1", 9000);
  expect("[::1]:9000", "::1", 9000);
  expect("[fe80::1%lo]:1", "fe80::1%lo", 1);
  expect("localhost:65535", "localhost", 65535);
  expect(":0", "", 0);
}

TEST(Address, WhatIsNoAddressIsRefusedWithTheReason) {
  for (const char* text :
       {"", "9000", "localhost", "host:", "host:x", "host:-1", "host:65536", "host:90 ", "::1:9000", "[::1]",
        "[::1]9000", "[]:1", "host:-0", "[host]:1", "a b:1", "host:99999999999999999999", "[::1:9000"}) {
    const auto parsed = parse_address(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message().find("cannot read \"" + std::string(text) + "\" as an address: "), 0u);
    EXPECT_NE(parsed.error().advice, "");
  }
}

TEST(Address, WhatIsNotPrintableStaysOutOfTheMessage) {
  const auto parsed = parse_address("a\n\033[2J:1");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message().find("cannot read \"a??[2J:1\" as an address: "), 0u);
}

TEST(Address, NumbersSurviveTheWayToTheKernelAndBack) {
  for (const char* text : {"127.0.0.1:9000", "[::1]:9000", "10.1.2.3:1"}) {
    const auto found = resolve_address(text, AddressUse::listen);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(format_address(found->front()), text);
  }
}

TEST(Address, AnIpv4PeerOfAnIpv6SocketIsWrittenAsIpv4) {
  const auto found = resolve_address("[::ffff:10.1.2.3]:80", AddressUse::listen);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(format_address(found->front()), "10.1.2.3:80");
}

TEST(Address, ANameThatNobodyHasIsRefusedByName) {
  const auto found = resolve_address("no-such-host.invalid:80", AddressUse::connect);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message().find("cannot find the address \"no-such-host.invalid:80\": "), std::string::npos);
}

TEST(Address, ConnectingWhereNobodyListensSaysWhatToTry) {
  const auto refused = connect_to("127.0.0.1:1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "cannot connect to 127.0.0.1:1: Connection refused; start the receiver first");
  EXPECT_FALSE(connect_to("127.0.0.1:0"));
}

}  // namespace
}  // namespace netmem
