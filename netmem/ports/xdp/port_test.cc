// Port xdp over a veth pair: what it receives. What needs no kernel is in xdp_queue_test.cc.
#include "netmem/ports/xdp/port.h"

#include <gtest/gtest.h>

#include <thread>

#include "netmem/base/units.h"
#include "netmem/ports/xdp/station_test_support.h"
#include "netmem/providers/host/huge.h"
#include "netmem/providers/mapped/device.h"
#include "tests/provider/huge_pages_need.h"
#include "tests/support/eventually.h"
#include "tests/support/test_provider.h"

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

void expect_refused(const Result<std::unique_ptr<XdpPort>>& port, const char* why) {
  ASSERT_FALSE(port);
  EXPECT_NE(port.error().message().find(why), std::string::npos) << port.error().message();
}

// Datagrams of the sizes, a few at a time, arrive whole and in order.
void expect_arrive(const VethPair& veth, Station& station, std::size_t smallest, std::size_t largest,
                   std::size_t step) {
  constexpr std::size_t kAtOnce = 16;
  const Fd sender = veth.far_udp("10.77.0.2", 9000);
  for (std::size_t size = smallest; size <= largest; size += kAtOnce * step) {
    std::vector<std::string> sent;
    for (std::size_t i = 0; i < kAtOnce && size + i * step <= largest; ++i) {
      sent.push_back(pattern(size + i * step, size + i));
      send_text(sender, sent.back());
    }
    ASSERT_EQ(station.receive(sent.size()), sent) << "from " << size << " bytes on";
  }
  expect_nothing_lost(*station.port);
}

TEST(XdpPort, ReceivesWhatMatchesAndLeavesTheRestToTheKernel) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  const Fd kernel = veth->near_udp(9001);
  const Fd wanted = veth->far_udp("10.77.0.2", 9000);
  const Fd other = veth->far_udp("10.77.0.2", 9001);
  send_text(wanted, "for the port");
  send_text(other, "for the kernel");
  EXPECT_EQ(station.receive(1), std::vector<std::string>{"for the port"});
  EXPECT_EQ(receive_text(kernel), "for the kernel");
  EXPECT_EQ(counter(*station.port, "received"), 1u);
  EXPECT_EQ(counter(*station.port, "redirected"), 1u);
  expect_nothing_lost(*station.port);
}

TEST(XdpPort, EverySizeArrivesWhole) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  expect_arrive(*veth, station, 0, 1472, 1);
}

TEST(XdpPort, EverySizeArrivesWholeInGenericMode) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({}, XdpMode::generic);
  station.add(kUdp9000);
  expect_arrive(*veth, station, 0, 1472, 7);
}

TEST(XdpPort, ChunksOf2KShareThePagesAndLeaveRoomForHeadroom) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({.chunk = 2048, .headroom = 128});
  station.add(kUdp9000);
  const Fd sender = veth->far_udp("10.77.0.2", 9000);
  send_text(sender, "x");
  std::vector<Packet> packets(1);
  ASSERT_EQ(station.port->receive(packets, kLimitMs).value_or(0), 1u);
  EXPECT_EQ(packets[0].header().offset % 2048, 256u + 128u);
  packets[0].reset();
  expect_arrive(*veth, station, 0, 1472, 5);
}

TEST(XdpPort, JumboFramesArriveInSeveralBuffers) {
  NETMEM_VETH_OR_SKIP(veth, {.mtu = 9000});
  for (const std::uint32_t chunk : {4096u, 2048u}) {
    Station station({.chunk = chunk});
    if (!station.filter->multi_buffer()) GTEST_SKIP() << "this kernel has no multi-buffer XDP";
    station.add(kUdp9000);
    expect_arrive(*veth, station, 0, 8972, 13);
    const Fd sender = veth->far_udp("10.77.0.2", 9000);
    send_text(sender, pattern(8972, 1));
    std::vector<Packet> packets(1);
    ASSERT_EQ(station.port->receive(packets, kLimitMs).value_or(0), 1u);
    EXPECT_GT(packets[0].payload().size(), 1u);
    packets[0].reset();
  }
}

TEST(XdpPort, JumboFramesArriveInGenericModeToo) {
  NETMEM_VETH_OR_SKIP(veth, {.mtu = 9000});
  Station station({}, XdpMode::generic);
  if (!station.filter->multi_buffer()) GTEST_SKIP() << "this kernel has no multi-buffer XDP";
  station.add(kUdp9000);
  expect_arrive(*veth, station, 1000, 8972, 97);
}

TEST(XdpPort, PayloadIsSplitIntoDeviceMemory) {
  NETMEM_VETH_OR_SKIP(veth, {.mtu = 9000});
  const auto device = make_memfd_provider({.size = 16 * MiB}).value();
  const PagePoolPtr payload = make_pool(device, "payload");
  {
    Station station({.payload = payload.get()});
    station.add(kUdp9000);
    expect_arrive(*veth, station, 0, station.filter->multi_buffer() ? 8972 : 1472, 31);
    const Fd sender = veth->far_udp("10.77.0.2", 9000);
    send_text(sender, "device");
    std::vector<Packet> packets(1);
    ASSERT_EQ(station.port->receive(packets, kLimitMs).value_or(0), 1u);
    EXPECT_TRUE(packets[0].payload()[0].page.is_device());
    EXPECT_FALSE(packets[0].header().page.is_device());
    packets[0].reset();
    EXPECT_GT(counter(*station.port, "split_bytes"), 0u);
  }
  payload->flush_fragments();
  testing::expect_balanced(*payload);
}

TEST(XdpPort, FramesMayBeInHugePages) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const auto need = HugePagesNeed::take(4, 2 * MiB);
  if (!need) GTEST_SKIP() << need.error().message();
  auto memory = make_huge_provider({.size = 8 * MiB, .outside_size = 0});
  ASSERT_TRUE(memory) << memory.error().message();
  Station station({}, XdpMode::automatic, *memory);
  station.add(kUdp9000);
  expect_arrive(*veth, station, 0, 1472, 100);
}

TEST(XdpPort, FramesMayBePartsOfLargePages) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({}, XdpMode::automatic, host_memory(32, 65536));
  station.add(kUdp9000);
  expect_arrive(*veth, station, 0, 1472, 100);
}

TEST(XdpPort, BusyPollingReceives) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({.busy_poll = true});
  station.add(kUdp9000);
  expect_arrive(*veth, station, 0, 1472, 100);
  EXPECT_NE(station.port->describe().find("busy polling"), std::string::npos);
}

// ---- queues ----

TEST(XdpPort, ASecondPortOnAQueueIsRefusedAndDoesNoHarm) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  const PagePoolPtr pool = make_pool(host_memory(64), "second");
  const auto filter = XdpFilter::attach(VethPair::kNear).value();
  expect_refused(XdpPort::create(filter, *pool), "another AF_XDP socket has this queue");
  expect_arrive(*veth, station, 0, 100, 10);
}

TEST(XdpPort, FourQueuesArriveAtFourPorts) {
  constexpr unsigned kQueues = 4;
  NETMEM_VETH_OR_SKIP(veth, {.queues = kQueues});
  const auto filter = XdpFilter::attach(VethPair::kNear).value();
  EXPECT_EQ(filter->queues(), kQueues);
  std::vector<PagePoolPtr> pools;
  std::vector<std::unique_ptr<XdpPort>> ports;
  for (unsigned queue = 0; queue < kQueues; ++queue) {
    pools.push_back(make_pool(host_memory(1024), "frames"));
    ports.push_back(XdpPort::create(filter, *pools.back(), {.queue = queue}).value());
    ASSERT_TRUE(filter->add(queue, kUdp9000));
  }
  constexpr std::size_t kDatagrams = 400;
  for (std::size_t i = 0; i < kDatagrams; ++i) send_text(veth->far_udp("10.77.0.2", 9000), std::to_string(i));
  std::vector<bool> seen(kDatagrams);
  EXPECT_TRUE(eventually([&] {
    std::vector<Packet> packets(64);
    for (unsigned queue = 0; queue < kQueues; ++queue) {
      const std::size_t got = ports[queue]->receive(packets, 5).value_or(0);
      for (std::size_t i = 0; i < got; ++i) {
        seen.at(std::stoul(testing::payload_of(packets[i]))) = true;
        EXPECT_EQ(packets[i].info.queue, queue);
      }
      drop(std::span(packets).first(got));
    }
    return std::ranges::count(seen, true) == static_cast<std::ptrdiff_t>(kDatagrams);
  }));
  for (unsigned queue = 0; queue < kQueues; ++queue) {
    EXPECT_GT(counter(*ports[queue], "received"), 0u) << queue;
    expect_nothing_lost(*ports[queue]);
  }
  ports.clear();
  for (const PagePoolPtr& pool : pools) testing::expect_balanced(*pool);
}

TEST(XdpPort, ANewPortFollowsTheOldOneAtOnce) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  for (int round = 0; round < 10; ++round) {
    station.add(kUdp9000);
    expect_arrive(*veth, station, 10, 20, 5);
    station.port.reset();
    station.open({});
  }
}

TEST(XdpPort, MatchesMayBeThereBeforeThePort) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.port.reset();
  station.add(kUdp9000);
  station.open({});
  expect_arrive(*veth, station, 10, 20, 5);
}

TEST(XdpPort, APortThatGoesTakesItsMatchesAlong) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  station.port.reset();
  station.open({});
  const Fd kernel = veth->near_udp(9000);
  send_text(veth->far_udp("10.77.0.2", 9000), "for the kernel");
  EXPECT_EQ(receive_text(kernel), "for the kernel");
}

// ---- what is refused ----

TEST(XdpPort, WhatCannotBeIsRefusedByName) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const auto filter = XdpFilter::attach(VethPair::kNear).value();
  const PagePoolPtr frames = make_pool(host_memory(64), "frames");
  const PagePoolPtr device = make_pool(make_memfd_provider({.size = 1 * MiB}).value(), "device");
  const PagePoolPtr two = make_pool(TestProvider::create({{.pages = 4}, {.pages = 4}}), "two");
  expect_refused(XdpPort::create(nullptr, *frames), "it has no filter");
  expect_refused(XdpPort::create(filter, *frames, {.queue = 1}), "it has 1 receive queues");
  expect_refused(XdpPort::create(filter, *device), "its pages are device memory");
  expect_refused(XdpPort::create(filter, *two), "its memory is in 2 regions");
  expect_refused(XdpPort::create(filter, *frames, {.chunk = 8192}), "a chunk of 8192 bytes");
  expect_refused(XdpPort::create(filter, *frames, {.headroom = 4000}), "a headroom of 4000 bytes");
  expect_refused(XdpPort::create(filter, *frames, {.fill_ring = 1000}), "a ring of 1000 slots");
  expect_refused(XdpPort::create(filter, *frames, {.copy = XdpOptions::Copy::zero_copy}), "no zero copy");
  testing::expect_balanced(*frames);
}

TEST(XdpPort, SaysWhatItIs) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station({.most_posted = 100});
  EXPECT_FALSE(station.port->zero_copy()) << "veth has none";
  const std::string text = station.port->describe();
  EXPECT_EQ(text.find("xdp near0 queue 0, native, copy mode (zero copy: Operation not supported), "), 0u) << text;
  EXPECT_NE(text.find("chunks of 4 KiB, at most 100 posted, host"), std::string::npos) << text;
}

// ---- waiting ----

TEST(XdpPort, WakeEndsAWait) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  std::vector<Packet> packets(8);
  std::jthread other([&] { station.port->wake(); });
  EXPECT_EQ(station.port->receive(packets, -1).value_or(99), 0u);
  station.expect_silence();
}

TEST(XdpPort, WaitingTakesNoMoreLooksThanNeeded) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  std::vector<Packet> packets(8);
  EXPECT_EQ(station.port->receive(packets, 50).value_or(99), 0u);
  EXPECT_LE(counter(*station.port, "polls"), 3u);
}

TEST(XdpPort, NoSystemCallsWhenFramesAreThere) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  const Fd sender = veth->far_udp("10.77.0.2", 9000);
  for (int i = 0; i < 32; ++i) send_text(sender, "x");
  ASSERT_TRUE(eventually([&] { return counter(*station.port, "redirected") == 32; }));
  std::vector<Packet> packets(1);
  ASSERT_EQ(station.port->receive(packets, kLimitMs).value_or(0), 1u);
  const auto calls = [&] { return counter(*station.port, "polls") + counter(*station.port, "wakeups_rx"); };
  const std::uint64_t before = calls();
  for (int i = 0; i < 31; ++i) {
    packets[0].reset();
    ASSERT_EQ(station.port->receive(packets, kLimitMs).value_or(0), 1u);
  }
  EXPECT_EQ(calls(), before);
}

}  // namespace
}  // namespace netmem
