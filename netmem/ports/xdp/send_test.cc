// Port xdp over a veth pair: what it sends.
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

#include "netmem/base/units.h"
#include "netmem/ports/xdp/station_test_support.h"
#include "netmem/providers/mapped/device.h"
#include "tests/support/eventually.h"
#include "tests/support/frames.h"

namespace netmem {
namespace {

using testing::counter;
using testing::expect_nothing_lost;
using testing::host_memory;
using testing::kUdp9000;
using testing::make_pool;
using testing::pattern;
using testing::receive_text;
using testing::send_text;
using testing::Station;
using testing::VethPair;

// Turns a datagram around; over IPv4 the far kernel takes it without a checksum.
void turn_around(Packet& packet) {
  const auto bytes = packet.header_bytes();
  const HeaderLayout& layout = packet.info.layout;
  std::swap_ranges(bytes.begin(), bytes.begin() + 6, bytes.begin() + 6);
  std::swap_ranges(&bytes[layout.network + 12u], &bytes[layout.network + 16u], &bytes[layout.network + 16u]);
  std::swap_ranges(&bytes[layout.transport], &bytes[layout.transport + 2u], &bytes[layout.transport + 2u]);
  bytes[layout.transport + 6u] = bytes[layout.transport + 7u] = std::byte{0};
}

// Sends texts from the far end, a few at a time, and expects each back.
void expect_echo(const VethPair& veth, Station& station, std::size_t largest, std::size_t step) {
  const Fd far = veth.far_udp("10.77.0.2", 9000);
  std::vector<Packet> packets(8);
  for (std::size_t size = 1; size <= largest; size += step) {
    const std::string text = pattern(size, size);
    send_text(far, text);
    ASSERT_EQ(station.port->receive(packets, kLimitMs).value_or(0), 1u) << size;
    turn_around(packets[0]);
    ASSERT_EQ(station.port->transmit(std::span(packets).first(1)), 1u);
    EXPECT_FALSE(packets[0]) << "what was sent is the kernel's";
    ASSERT_TRUE(station.port->flush(kLimitMs));
    ASSERT_EQ(receive_text(far), text) << size;
  }
  EXPECT_EQ(counter(*station.port, "transmitted"), counter(*station.port, "received"));
  EXPECT_EQ(counter(*station.port, "sending"), 0u);
  expect_nothing_lost(*station.port);
}

class XdpSend : public ::testing::TestWithParam<XdpMode> {};
INSTANTIATE_TEST_SUITE_P(Modes, XdpSend, ::testing::Values(XdpMode::native, XdpMode::generic),
                         [](const auto& mode) { return mode.param == XdpMode::native ? "Native" : "Generic"; });

TEST_P(XdpSend, WhatWasReceivedGoesBackWithoutACopy) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({}, GetParam());
  station.add(kUdp9000);
  expect_echo(*veth, station, 1472, 61);
  EXPECT_EQ(counter(*station.port, "copied_to_send"), 0u);
}

TEST_P(XdpSend, SplitPacketsAreCopiedOutOfTheDevice) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const PagePoolPtr payload = make_pool(make_memfd_provider({.size = 4 * MiB}).value(), "payload");
  {
    Station station({.payload = payload.get()}, GetParam());
    station.add(kUdp9000);
    expect_echo(*veth, station, 1472, 61);
    EXPECT_GT(counter(*station.port, "copied_to_send"), 0u);
  }
  payload->flush_fragments();
  testing::expect_balanced(*payload);
}

TEST_P(XdpSend, JumboFramesGoOutInSeveralBuffers) {
  NETMEM_VETH_OR_SKIP(veth, {.mtu = 9000});
  Station station({}, GetParam());
  if (!station.filter->multi_buffer()) GTEST_SKIP() << "this kernel has no multi-buffer XDP";
  station.add(kUdp9000);
  expect_echo(*veth, station, 8972, 299);
}

TEST(XdpSend, ChunksOf2KGoBackToo) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({.chunk = 2048});
  station.add(kUdp9000);
  expect_echo(*veth, station, 1472, 61);
}

// A frame for the far end's port 22136, in a page of `pool`.
Packet made_packet(PagePool& pool, std::size_t payload) {
  const Netmem page = pool.try_alloc();
  frames::Bytes bytes = frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kUdp, 8 + payload) +
                        frames::udp(payload) + frames::filled(payload);
  bytes[5] = std::byte{1};  // to the far interface's address
  bytes[11] = std::byte{2};
  const std::uint8_t addresses[] = {10, 77, 0, 2, 10, 77, 0, 1};
  std::memcpy(&bytes[14 + 12], addresses, sizeof addresses);
  // RFC 791: the ones' complement of the ones' complement sum.
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2)
    sum += static_cast<std::uint32_t>(bytes[i]) << 8 | static_cast<std::uint32_t>(bytes[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  bytes.set_big_endian(24, ~((sum & 0xffff) + (sum >> 16)) & 0xffff);
  std::ranges::copy(bytes, Page(page).address());
  Packet packet;
  packet.set_header({page, 0, static_cast<std::uint32_t>(bytes.size())});
  return packet;
}

void transmit_one(Station& station, std::size_t size) {
  std::array packets = {made_packet(station.pool(), size)};
  EXPECT_EQ(station.port->transmit(packets), 1u);
}

// The far kernel's socket for them.
Fd far_listener(const VethPair& veth) { return veth.far_udp("10.77.0.2", 0x1234, 0x5678); }

TEST(XdpSend, PagesOfAnotherPoolAreCopiedThoseOfTheSameMemoryAreNot) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const auto memory = host_memory(4096);
  Station station({}, XdpMode::automatic, host_memory(256));
  const PagePoolPtr foreign = make_pool(memory, "foreign");
  const Fd far = far_listener(*veth);
  std::vector<Packet> packets;
  packets.push_back(made_packet(*foreign, 100));
  packets.push_back(made_packet(station.pool(), 200));
  EXPECT_EQ(station.port->transmit(packets), 2u);
  EXPECT_TRUE(station.port->flush(kLimitMs));
  EXPECT_EQ(receive_text(far).size(), 100u);
  EXPECT_EQ(receive_text(far).size(), 200u);
  EXPECT_EQ(counter(*station.port, "copied_to_send"), 1u);
  testing::expect_balanced(*foreign);
}

// Linux 6.17 has XDP_MAX_TX_SKB_BUDGET; others send 32 packets at a call.
bool kernel_sends_many_at_a_call() {
  utsname kernel{};
  unsigned major = 0, minor = 0;
  return ::uname(&kernel) == 0 && std::sscanf(kernel.release, "%u.%u", &major, &minor) == 2 &&
         std::pair(major, minor) >= std::pair(6U, 17U);
}

TEST(XdpSend, OneSystemCallSendsAllThatWaits) {
  NETMEM_VETH_OR_SKIP(veth, {});
  if (!kernel_sends_many_at_a_call()) GTEST_SKIP() << "this kernel sends 32 packets at a call";
  Station station;
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < 200; ++i) packets.push_back(made_packet(station.pool(), i));
  EXPECT_EQ(station.port->transmit(packets), 200u);
  ASSERT_TRUE(station.port->flush(kLimitMs));
  EXPECT_EQ(counter(*station.port, "wakeups_tx"), 1u);
}

TEST(XdpSend, MoreThanTheRingHoldsGoesOutInOneCall) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({.transmit_ring = 64});
  const Fd far = far_listener(*veth);
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < 500; ++i) packets.push_back(made_packet(station.pool(), i));
  EXPECT_EQ(station.port->transmit(packets), 500u);
  ASSERT_TRUE(station.port->flush(kLimitMs));
  for (std::size_t i = 0; i < 500; ++i) ASSERT_EQ(receive_text(far).size(), i);
  EXPECT_GT(counter(*station.port, "tx_ring_full"), 0u);
}

TEST(XdpSend, WhatTheInterfaceCannotSendIsDroppedAndCounted) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  transmit_one(station, 1500);
  EXPECT_EQ(counter(*station.port, "too_large_to_send"), 1u);
}

TEST(XdpSend, WhatIsNotFlushedGoesOutWithTheNextReceive) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  const Fd far = far_listener(*veth);
  transmit_one(station, 10);
  station.expect_silence();
  EXPECT_EQ(receive_text(far).size(), 10u);
}

TEST(XdpSend, WhatIsNotFlushedGoesOutThoughFramesKeepComing) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  const Fd far = far_listener(*veth);
  const Fd sender = veth->far_udp("10.77.0.2", 9000);
  for (int i = 0; i < 64; ++i) send_text(sender, "x");
  std::vector<Packet> received(1);
  ASSERT_EQ(station.port->receive(received, kLimitMs).value_or(0), 1u);
  received[0].reset();
  transmit_one(station, 10);
  ASSERT_EQ(station.port->receive(received, kLimitMs).value_or(0), 1u);
  EXPECT_EQ(receive_text(far).size(), 10u);
}

TEST(XdpSend, WhatIsNotFlushedGoesOutWhenThePortGoes) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  const Fd far = far_listener(*veth);
  transmit_one(station, 10);
  station.close();
  EXPECT_EQ(receive_text(far).size(), 10u);
}

TEST(XdpSend, PacketsThatCannotGoOutWhileTheLinkIsDownComeHome) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  veth->near("ip link set near0 down");
  std::vector<Packet> packets;
  for (int i = 0; i < 10; ++i) packets.push_back(made_packet(station.pool(), 10));
  EXPECT_EQ(station.port->transmit(packets), 10u);
  station.expect_silence();
  station.close();  // looks at the books
}

}  // namespace
}  // namespace netmem
