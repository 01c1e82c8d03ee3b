#include "netmem/ports/xdp/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "netmem/providers/mapped/device.h"
#include "tests/support/flaky_device.h"
#include "tests/support/heap_counter.h"
#include "tests/support/xdp_world.h"

namespace netmem {
namespace {

using frames::filled;
using testing::ElementsAreArray;

void expect_bytes(const Packet& packet, const std::vector<std::byte>& expected) {
  EXPECT_THAT(bytes_of(packet), ElementsAreArray(expected));
}

// ---- receiving ----

TEST(XdpQueue, PostsAsManyFramesAsItMayAndWaitsUntilEnoughAreMissing) {
  XdpWorld world;
  world.queue->post();
  EXPECT_EQ(world.kernel.in_fill_ring(), 32u);
  EXPECT_EQ(world.queue->posted(), 32u);
  EXPECT_EQ(world.inflight(), 32);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(world.kernel.deliver(udp_frame(10)));
  EXPECT_EQ(world.receive().size(), 7u);
  EXPECT_EQ(world.queue->posted(), 25u) << "fewer than a quarter are missing";
  ASSERT_TRUE(world.kernel.deliver(udp_frame(10)));
  EXPECT_EQ(world.receive().size(), 1u);
  EXPECT_EQ(world.queue->posted(), 32u);
}

TEST(XdpQueue, FramesArriveInOrderWithTheirBytesAcrossTheEndOfIndices) {
  XdpWorld world({.kernel = {.first_index = 0xffff'ffe0}});
  world.queue->post();
  for (unsigned i = 0; i < 500; i += 5) {
    for (unsigned k = i; k < i + 5; ++k) ASSERT_TRUE(world.kernel.deliver(udp_frame(3 * k, k)));
    const auto packets = world.receive();
    ASSERT_EQ(packets.size(), 5u);
    for (unsigned k = 0; k < 5; ++k) expect_bytes(packets[k], udp_frame(3 * (i + k), i + k));
  }
  EXPECT_EQ(world.count("received"), 500u);
  EXPECT_LT(world.kernel.fill_ring().producer, 1000u) << "it was to wrap";
}

TEST(XdpQueue, APacketSaysWhenAndWhereItArrived) {
  XdpWorld world;
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(100)));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  const PacketInfo& info = packets[0].info;
  EXPECT_EQ(info.interface, 7u);
  EXPECT_EQ(info.queue, 3u);
  EXPECT_GT(info.received_ns, 1'700'000'000'000'000'000u);
  EXPECT_EQ(info.layout.payload, kUdpHeaders);
  EXPECT_EQ(info.layout.payload_size, 100u);
  EXPECT_EQ(info.checksum, Checksum::unchecked);
}

TEST(XdpQueue, WithoutSplitHeaderAndPayloadStandOnOneReference) {
  XdpWorld world;
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(1000)));
  auto packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].header().size, kUdpHeaders);
  ASSERT_EQ(packets[0].payload().size(), 1u);
  EXPECT_EQ(packets[0].payload()[0].page, packets[0].header().page);
  EXPECT_EQ(packets[0].header().page.descriptor().refs.load(), 1u);
  EXPECT_EQ(world.inflight(), 32) << "31 posted, 1 held";
  packets.clear();
  EXPECT_EQ(world.inflight(), 31);
  EXPECT_EQ(world.count("received_bytes"), 1042u);
}

TEST(XdpQueue, EthernetsPaddingIsNoPayload) {
  XdpWorld world;
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(5) + frames::zeros(13)));
  ASSERT_TRUE(world.kernel.deliver(udp_frame(0) + frames::zeros(18)));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 2u);
  expect_bytes(packets[0], udp_frame(5));
  expect_bytes(packets[1], udp_frame(0));
  EXPECT_TRUE(packets[1].payload().empty());
}

TEST(XdpQueue, UnsplitFramesStayWholeAndAreCountedByReason) {
  XdpWorld world;
  world.queue->post();
  const auto arp = frames::ethernet(frames::kArp) + filled(46);
  const auto part = frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kUdp, 100, 0, 0x2000) + filled(100);
  ASSERT_TRUE(world.kernel.deliver(arp));
  ASSERT_TRUE(world.kernel.deliver(part));
  ASSERT_TRUE(world.kernel.deliver(frames::ethernet(frames::kIpv4)));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 3u);
  expect_bytes(packets[0], arp);
  expect_bytes(packets[1], part);
  EXPECT_EQ(packets[1].header().size, part.size());
  EXPECT_EQ(packets[1].info.checksum, Checksum::none);
  EXPECT_EQ(world.count("unsplit"), 3u);
  EXPECT_EQ(world.count("unsplit_not_ip"), 1u);
  EXPECT_EQ(world.count("unsplit_fragment"), 1u);
  EXPECT_EQ(world.count("unsplit_truncated"), 1u);
  EXPECT_EQ(world.count("received"), 3u);
}

TEST(XdpQueue, AFrameOfSeveralBuffersIsOnePacket) {
  XdpWorld world;
  world.queue->post();
  const auto jumbo = udp_frame(9000);
  const auto raw = frames::ethernet(frames::kArp) + filled(9000);
  ASSERT_TRUE(world.kernel.deliver(jumbo));
  ASSERT_TRUE(world.kernel.deliver(raw));
  ASSERT_TRUE(world.kernel.deliver(udp_frame(1)));
  auto packets = world.receive();
  ASSERT_EQ(packets.size(), 3u);
  expect_bytes(packets[0], jumbo);
  EXPECT_EQ(packets[0].payload().size(), 3u);
  expect_bytes(packets[1], raw);
  EXPECT_EQ(packets[1].payload().size(), 2u);
  EXPECT_EQ(world.count("received_bytes"), 9042u + 9014 + 43);
  EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()) + 7);
  packets.clear();
  EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()));
}

TEST(XdpQueue, BuffersOfNothingButPaddingGoHome) {
  XdpWorld world;
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(58) + frames::zeros(80), 100));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  expect_bytes(packets[0], udp_frame(58));
  EXPECT_EQ(world.inflight(), 31 - 1 + 1) << "30 posted, 1 held";
  EXPECT_EQ(world.queue->posted(), 30u);
}

TEST(XdpQueue, AFrameWhoseLastBufferIsNotThereYetWaits) {
  XdpWorld world;
  world.queue->post();
  const auto frame = udp_frame(200);
  const std::span<const std::byte> bytes(frame);
  ASSERT_TRUE(world.kernel.deliver(udp_frame(1)));
  world.kernel.put_buffer(bytes.first(100), true);
  EXPECT_EQ(world.receive().size(), 1u);
  EXPECT_TRUE(world.receive(1).empty());
  world.kernel.put_buffer(bytes.subspan(100, 50), true);
  EXPECT_TRUE(world.receive(1).empty());
  EXPECT_EQ(world.kernel.in_receive_ring(), 2u);
  world.kernel.put_buffer(bytes.subspan(150), false);
  const auto packets = world.receive(1);
  ASSERT_EQ(packets.size(), 1u);
  expect_bytes(packets[0], frame);
  EXPECT_EQ(packets[0].payload().size(), 3u);
}

TEST(XdpQueue, AFrameOfMoreBuffersThanAPacketHasRoomForIsDroppedAndCounted) {
  XdpWorld world({.queue = {.most_posted = 64}});
  const auto arp = frames::ethernet(frames::kArp) + filled(1786);
  const auto receive_in_buffers_of_100 = [&](const auto& frame, std::uint64_t too_many) {
    world.queue->post();
    ASSERT_TRUE(world.kernel.deliver(frame, 100));
    ASSERT_TRUE(world.kernel.deliver(udp_frame(2), 100));
    auto packets = world.receive();
    expect_bytes(packets.back(), udp_frame(2));
    EXPECT_EQ(world.count("too_many_buffers"), too_many);
    packets.clear();
    EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()));
  };
  receive_in_buffers_of_100(udp_frame(1658), 0);                // 17 buffers
  receive_in_buffers_of_100(udp_frame(1659), 1);                // 18: the first holds header and payload
  receive_in_buffers_of_100(arp, 1);                            // 18, but nothing is split
  receive_in_buffers_of_100(arp + filled(1), 2);                // 19
  receive_in_buffers_of_100(udp_frame(4000), 3);                // 41, in three turns
  receive_in_buffers_of_100(frames::zeros(100 * (18 * 2)), 4);  // ends where a turn ends
  EXPECT_EQ(world.count("received"), 8u);
}

TEST(XdpQueue, AnEndlessFrameDoesNotStopTheQueue) {
  XdpWorld world({.queue = {.most_posted = 64}});
  const std::vector<std::byte> some(100);
  for (int round = 0; round < 3; ++round) {
    world.queue->post();
    world.kernel.take_posted();
    while (!world.kernel.frames.empty()) world.kernel.put_buffer(some, true);
    EXPECT_TRUE(world.receive().empty());
  }
  world.kernel.take_posted();
  world.kernel.put_buffer(some, false);
  world.kernel.put_buffer(udp_frame(3), false);
  EXPECT_EQ(world.receive().size(), 1u);
  EXPECT_EQ(world.count("too_many_buffers"), 1u);
}

// ---- header split ----

XdpWorldOptions with_split(std::shared_ptr<MemoryProvider> payload) {
  return {.pages = 128, .queue = {.most_posted = 64}, .payload = std::move(payload)};
}

std::shared_ptr<MemoryProvider> memfd(std::size_t pages) { return make_memfd_provider({.size = pages * 4096}).value(); }

TEST(XdpQueueSplit, PayloadMovesToDeviceMemoryAndHeadersStay) {
  XdpWorld world(with_split(memfd(256)));
  world.queue->post();
  const std::size_t sizes[] = {1, 22, 64, 458, 1458, 2048, 2049, 3798};
  for (const std::size_t size : sizes) ASSERT_TRUE(world.kernel.deliver(udp_frame(size)));
  auto packets = world.receive();
  ASSERT_EQ(packets.size(), std::size(sizes));
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    bytes += sizes[i];
    EXPECT_FALSE(packets[i].header().page.is_device());
    ASSERT_EQ(packets[i].payload().size(), 1u);
    EXPECT_TRUE(packets[i].payload()[0].page.is_device());
    expect_bytes(packets[i], udp_frame(sizes[i]));
  }
  EXPECT_EQ(world.count("split_bytes"), bytes);
  EXPECT_EQ(world.count("received_bytes"), bytes + packets.size() * kUdpHeaders);
  EXPECT_EQ(world.payload->counters().fragments, 6u) << "small payloads share pages";
}

// The only packet that there is.
Packet received_whole(XdpWorld& world, const frames::Bytes& frame) {
  auto packets = world.receive();
  EXPECT_EQ(packets.size(), 1u);
  if (packets.empty()) return {};
  expect_bytes(packets[0], frame);
  return std::move(packets[0]);
}

TEST(XdpQueueSplit, LargeFramesMoveIntoAPageForEachBuffer) {
  XdpWorld world(with_split(memfd(256)));
  for (const std::size_t size : {std::size_t{9000}, std::size_t{30'000}, std::size_t{60'000}}) {
    world.queue->post();
    ASSERT_TRUE(world.kernel.deliver(udp_frame(size)));
    const Packet packet = received_whole(world, udp_frame(size));
    EXPECT_EQ(packet.payload().size(), (kUdpHeaders + size + 3839) / 3840);
    EXPECT_EQ(packet.payload()[0].size, 3840 - kUdpHeaders);
    EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()) + 1) << "the header's page is held";
  }
}

TEST(XdpQueueSplit, FramesOfMorePiecesThanAPacketHasRoomForMoveIntoFullPages) {
  XdpWorld world(with_split(memfd(256)));
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(65'507)));
  EXPECT_EQ(received_whole(world, udp_frame(65'507)).payload().size(), 16u);
}

TEST(XdpQueueSplit, BuffersSmallerThanPagesMoveIntoFullPages) {
  XdpWorldOptions options = with_split(memfd(256));
  options.kernel.chunk = 2048;
  XdpWorld world(options);
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(9000)));
  EXPECT_EQ(received_whole(world, udp_frame(9000)).payload().size(), 3u);
}

TEST(XdpQueueSplit, HeadersThatEndWithTheFirstBufferGoBeforeTheirPayload) {
  XdpWorld world(with_split(memfd(8)));
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(3 * kUdpHeaders), kUdpHeaders));
  (void)received_whole(world, udp_frame(3 * kUdpHeaders));
  const frames::Bytes large = udp_frame(9000);
  world.kernel.take_posted();
  world.kernel.put_buffer(std::span(large).first(kUdpHeaders), true);
  for (std::size_t at = kUdpHeaders; at < large.size(); at += 3000)
    world.kernel.put_buffer(std::span(large).subspan(at, 3000), at + 3000 < large.size());
  (void)received_whole(world, large);
}

TEST(XdpQueueSplit, PaddingBehindALargePayloadIsNotSplit) {
  XdpWorld world(with_split(memfd(8)));
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(9000) + frames::zeros(20)));
  EXPECT_EQ(received_whole(world, udp_frame(9000)).payload_size(), 9000u);
}

TEST(XdpQueueSplit, BuffersThatAreCopiedArePostedAgainAsTheyAre) {
  for (const std::uint32_t chunk : {4096U, 2048U}) {
    XdpWorldOptions options = with_split(memfd(64));
    options.kernel.chunk = chunk;
    XdpWorld world(options);
    world.queue->post();
    for (unsigned i = 0; i < 50; ++i) {  // more buffers than were posted at first
      ASSERT_TRUE(world.kernel.deliver(udp_frame(9000, i)));
      (void)received_whole(world, udp_frame(9000, i));
    }
    EXPECT_LE(world.inflight(), static_cast<std::int64_t>(world.queue->posted()));
    EXPECT_LE(world.pool->counters().cached, 50u) << "others than headers' pages came home";
    world.kernel.take_posted();
    EXPECT_EQ(std::set(world.kernel.frames.begin(), world.kernel.frames.end()).size(), world.queue->posted());
  }
}

TEST(XdpQueueSplit, BuffersThatTheFillRingHasNoRoomForGoHome) {
  XdpWorldOptions options = with_split(memfd(64));
  options.kernel.ring = 8;
  XdpWorld world(options);
  world.queue->post();
  for (unsigned i = 0; i < 10; ++i) {
    ASSERT_TRUE(world.kernel.deliver(udp_frame(9000, i)));
    (void)received_whole(world, udp_frame(9000, i));
    EXPECT_LE(world.kernel.in_fill_ring(), 8u);
  }
  EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()));
}

TEST(XdpQueueSplit, WithoutPayloadThereIsOnlyAHeader) {
  XdpWorld world(with_split(memfd(8)));
  world.queue->post();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(0) + frames::zeros(18)));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_TRUE(packets[0].payload().empty());
  EXPECT_EQ(world.payload->counters().inflight(), 0);
  EXPECT_EQ(world.count("received_bytes"), 60u);
}

TEST(XdpQueueSplit, UnsplitFramesStayInHostMemory) {
  XdpWorld world(with_split(memfd(8)));
  world.queue->post();
  const auto raw = frames::ethernet(frames::kArp) + filled(5000);
  ASSERT_TRUE(world.kernel.deliver(raw));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  expect_bytes(packets[0], raw);
  EXPECT_FALSE(packets[0].payload()[0].page.is_device());
  EXPECT_EQ(world.count("unsplit"), 1u);
  EXPECT_EQ(world.count("split_bytes"), 0u);
}

TEST(XdpQueueSplit, AFrameForWhosePayloadThereIsNoPageIsDroppedAndCounted) {
  XdpWorld world(with_split(memfd(4)));
  world.queue->post();
  for (unsigned i = 0; i < 6; ++i) ASSERT_TRUE(world.kernel.deliver(udp_frame(3000, i)));
  ASSERT_TRUE(world.kernel.deliver(udp_frame(7000)));
  ASSERT_TRUE(world.kernel.deliver(frames::ethernet(frames::kArp) + filled(46)));
  auto packets = world.receive();
  EXPECT_EQ(packets.size(), 5u) << "four and the one that needs no page";
  EXPECT_EQ(world.count("no_device_page"), 3u);
  EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()) + 5);
  packets.clear();
  ASSERT_TRUE(world.kernel.deliver(udp_frame(3000, 9)));
  packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  expect_bytes(packets[0], udp_frame(3000, 9));
}

TEST(XdpQueueSplit, AFrameForWhichPagesEndHalfWayLeavesTheOthersAlone) {
  XdpWorld world(with_split(memfd(4)));
  world.queue->post();
  for (const std::size_t size : {9000U, 9001U, 100U}) ASSERT_TRUE(world.kernel.deliver(udp_frame(size)));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 2u);
  expect_bytes(packets[0], udp_frame(9000));
  expect_bytes(packets[1], udp_frame(100));
  EXPECT_EQ(world.count("no_device_page"), 1u);
  EXPECT_EQ(world.payload->counters().inflight(), 3);
}

TEST(XdpQueueSplit, AllPayloadsOfABatchAreCopiedTogether) {
  const auto device = std::make_shared<FlakyDevice>(64);
  XdpWorld world(with_split(device));
  world.queue->post();
  for (unsigned i = 0; i < 20; ++i) ASSERT_TRUE(world.kernel.deliver(udp_frame(1000 + i, i)));
  const auto packets = world.receive();
  ASSERT_EQ(packets.size(), 20u);
  EXPECT_EQ(device->batches, 1u);
  for (unsigned i = 0; i < 20; ++i) expect_bytes(packets[i], udp_frame(1000 + i, i));
}

TEST(XdpQueueSplit, PacketsWhosePayloadTheDeviceRefusesAreDroppedAndCounted) {
  const auto device = std::make_shared<FlakyDevice>(64);
  XdpWorld world(with_split(device));
  world.queue->post();
  const auto arp = frames::ethernet(frames::kArp) + filled(46);
  ASSERT_TRUE(world.kernel.deliver(udp_frame(100)));
  ASSERT_TRUE(world.kernel.deliver(arp));
  ASSERT_TRUE(world.kernel.deliver(udp_frame(9000)));
  ASSERT_TRUE(world.kernel.deliver(udp_frame(0)));
  device->refuses = true;
  auto packets = world.receive();
  ASSERT_EQ(packets.size(), 2u);
  expect_bytes(packets[0], arp);
  expect_bytes(packets[1], udp_frame(0));
  EXPECT_EQ(world.count("payload_copy_failed"), 2u);
  EXPECT_EQ(world.count("received"), 2u);
  EXPECT_EQ(world.count("received_bytes"), 60u + 42);
  EXPECT_EQ(world.count("split_bytes"), 0u);
  packets.clear();
  device->refuses = false;
  ASSERT_TRUE(world.kernel.deliver(udp_frame(9000)));
  packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  expect_bytes(packets[0], udp_frame(9000));
}

// ---- starvation ----

TEST(XdpQueue, PagesThatAProviderFoundElsewhereNeverReachTheKernel) {
  for (const unsigned shift : {12U, 13U}) {  // chunks that are pages, and fragments
    XdpWorld world({.pages = 16, .page_shift = shift, .queue = {.most_posted = 64}});
    world.memory->add({.pages = 64});
    for (int i = 0; i < 3; ++i) world.queue->post();
    EXPECT_EQ(world.queue->posted(), 16u << (shift - 12));
    EXPECT_TRUE(world.queue->starved());
    ASSERT_TRUE(world.kernel.deliver(udp_frame(10)));
    EXPECT_EQ(world.receive().size(), 1u);
  }
}

TEST(XdpQueue, APoolThatIsTooSmallStarvesTheRingUntilPagesComeBack) {
  XdpWorld world({.pages = 40});
  std::vector<Netmem> kept = take(*world.pool, 36);
  world.queue->post();
  EXPECT_EQ(world.queue->posted(), 4u);
  EXPECT_TRUE(world.queue->starved());
  EXPECT_EQ(world.count("starved"), 1u);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(world.kernel.deliver(udp_frame(10)));
  EXPECT_FALSE(world.kernel.deliver(udp_frame(10)));
  auto packets = world.receive();
  EXPECT_EQ(packets.size(), 4u);
  EXPECT_EQ(world.queue->posted(), 0u);
  EXPECT_EQ(world.count("starved"), 1u) << "it still is";
  packets.clear();
  EXPECT_TRUE(world.receive().empty());
  EXPECT_EQ(world.queue->posted(), 4u);
  drop(std::span<const Netmem>(kept));
  EXPECT_TRUE(world.receive().empty());
  EXPECT_EQ(world.queue->posted(), 32u);
  EXPECT_FALSE(world.queue->starved());
  ASSERT_TRUE(world.kernel.deliver(udp_frame(10)));
  EXPECT_EQ(world.receive().size(), 1u);
}

TEST(XdpQueue, OneFrameIsEnoughToLive) {
  XdpWorld world({.pages = 1, .queue = {.most_posted = 1}});
  for (unsigned i = 0; i < 100; ++i) {
    world.queue->post();
    ASSERT_TRUE(world.kernel.deliver(udp_frame(10, i)));
    const auto packets = world.receive();
    ASSERT_EQ(packets.size(), 1u);
    expect_bytes(packets[0], udp_frame(10, i));
  }
}

// ---- sending ----

// A packet that was received.
Packet received(XdpWorld& world, const frames::Bytes& frame, std::uint32_t most = 0) {
  world.queue->post();
  EXPECT_TRUE(world.kernel.deliver(frame, most != 0 ? most : world.kernel.buffer_size()));
  auto packets = world.receive();
  EXPECT_EQ(packets.size(), 1u);
  return std::move(packets.at(0));
}

void expect_sent(XdpWorld& world, const std::vector<std::byte>& frame, std::size_t parts) {
  world.kernel.take_transmitted();
  ASSERT_EQ(world.kernel.sent.size(), 1u);
  EXPECT_THAT(world.kernel.sent.front(), ElementsAreArray(frame));
  EXPECT_EQ(world.kernel.parts_of_sent.front(), parts);
  world.kernel.sent.clear();
  world.kernel.parts_of_sent.clear();
}

TEST(XdpQueueSend, AReceivedPacketGoesOutAsItIsAndItsPageIsPostedAgain) {
  XdpWorld world;
  Packet packet = received(world, udp_frame(100));
  const std::int64_t held = world.inflight();
  EXPECT_EQ(world.queue->transmit({&packet, 1}), 1u);
  EXPECT_FALSE(packet);
  EXPECT_EQ(world.queue->sending(), 1u);
  EXPECT_EQ(world.inflight(), held) << "the kernel's now";
  expect_sent(world, udp_frame(100), 1);
  EXPECT_EQ(world.count("copied_to_send"), 0u);
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(world.queue->sending(), 0u);
  EXPECT_EQ(world.inflight(), held);
  EXPECT_EQ(world.queue->posted(), 32u);
  world.kernel.take_posted();
  EXPECT_EQ(world.kernel.frames.size(), 32u) << "the kernel has not been shown all";
  EXPECT_EQ(world.count("transmitted"), 1u);
  EXPECT_EQ(world.count("transmitted_bytes"), 142u);
  ASSERT_TRUE(world.kernel.deliver(udp_frame(1), world.kernel.buffer_size()));
}

TEST(XdpQueueSend, PagesComeHomeFromSendingWhenEnoughArePosted) {
  XdpWorld world;
  std::vector<Packet> packets;
  for (unsigned i = 0; i < 10; ++i) packets.push_back(received(world, udp_frame(i)));  // posts as many
  EXPECT_EQ(world.queue->transmit(packets), 10u);
  EXPECT_EQ(world.inflight(), 31 + 10);
  world.kernel.take_transmitted();
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(world.queue->posted(), 32u);
  EXPECT_EQ(world.inflight(), 32);
}

TEST(XdpQueueSend, APageThatSomebodyElseHoldsIsNotPostedAgain) {
  XdpWorld world;
  Packet packet = received(world, udp_frame(100));
  const Netmem page = packet.header().page;
  retain(page);
  EXPECT_EQ(world.transmit(std::move(packet)), 1u);
  world.kernel.take_transmitted();
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(world.queue->posted(), 31u);
  EXPECT_TRUE(page.current());
  EXPECT_EQ(world.inflight(), 32);
  drop(page);
  EXPECT_EQ(world.inflight(), 31);
}

TEST(XdpQueueSend, AHandleFromBeforeAPageWasSentIsRecognised) {
  XdpWorld world;
  Packet packet = received(world, udp_frame(100));
  const Netmem page = packet.header().page;
  EXPECT_EQ(world.transmit(std::move(packet)), 1u);
  EXPECT_FALSE(page.current());
  EXPECT_DEATH(drop(page), "dropped");
}

TEST(XdpQueueSend, WhatWasBeingSentWhenTheQueueGoesComesHome) {
  XdpWorld world;
  std::vector<Packet> packets;
  for (unsigned i = 0; i < 3; ++i) packets.push_back(received(world, udp_frame(i)));
  retain(packets[1].header().page);
  const Netmem held = packets[1].header().page;
  EXPECT_EQ(world.queue->transmit(packets), 3u);
  world.queue.reset();
  EXPECT_EQ(world.inflight(), 1);
  drop(held);
}

TEST(XdpQueueSend, SeveralPartsTakeSeveralDescriptors) {
  XdpWorld world;
  EXPECT_EQ(world.transmit(received(world, udp_frame(9000))), 1u);
  EXPECT_EQ(world.queue->sending(), 3u);
  expect_sent(world, udp_frame(9000), 3);
  EXPECT_EQ(world.count("copied_to_send"), 0u);
}

TEST(XdpQueueSend, SeveralPartsAreCopiedTogetherWhereDescriptorsCannotBe) {
  XdpWorld world({.queue = {.most_posted = 32, .multi_buffer = false}});
  EXPECT_EQ(world.transmit(received(world, udp_frame(2000), 500)), 1u);
  expect_sent(world, udp_frame(2000), 1);
  EXPECT_EQ(world.count("copied_to_send"), 1u);
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()));
}

TEST(XdpQueueSend, MorePartsThanTheKernelTakesAreCopiedTogether) {
  XdpWorld world({.queue = {.most_posted = 32, .most_parts = 3}});
  EXPECT_EQ(world.transmit(received(world, udp_frame(350), 100)), 1u);
  expect_sent(world, udp_frame(350), 1);
  EXPECT_EQ(world.transmit(received(world, udp_frame(250), 100)), 1u);
  expect_sent(world, udp_frame(250), 3);
  EXPECT_EQ(world.count("copied_to_send"), 1u);
}

TEST(XdpQueueSend, DevicePayloadIsCopiedOutInOneBatch) {
  const auto device = std::make_shared<FlakyDevice>(64);
  XdpWorld world(with_split(device));
  world.queue->post();
  for (unsigned i = 0; i < 8; ++i) ASSERT_TRUE(world.kernel.deliver(udp_frame(700 + i, i)));
  auto packets = world.receive();
  device->batches = 0;
  ASSERT_EQ(world.queue->transmit(packets), 8u);
  EXPECT_EQ(device->batches, 1u);
  EXPECT_EQ(world.payload->counters().inflight(), 1) << "only the page that fragments are cut from";
  world.kernel.take_transmitted();
  ASSERT_EQ(world.kernel.sent.size(), 8u);
  for (unsigned i = 0; i < 8; ++i) EXPECT_THAT(world.kernel.sent[i], ElementsAreArray(udp_frame(700 + i, i)));
  EXPECT_EQ(world.count("copied_to_send"), 8u);
}

TEST(XdpQueueSend, DevicePayloadGoesBehindItsHeaderWhereThatIsNobodyElses) {
  XdpWorld world(with_split(memfd(64)));
  Packet packet = received(world, udp_frame(3798));
  const std::int64_t before = world.inflight();
  EXPECT_EQ(world.transmit(std::move(packet)), 1u);
  EXPECT_EQ(world.inflight(), before);
  expect_sent(world, udp_frame(3798), 1);

  packet = received(world, udp_frame(100));
  const Ref look(Ref(packet.header().page));
  retain(look.get());
  EXPECT_EQ(world.transmit(std::move(packet)), 1u);
  expect_sent(world, udp_frame(100), 1);
  EXPECT_EQ(Page(look.get()).bytes()[256 + kUdpHeaders], udp_frame(100)[kUdpHeaders]);
  EXPECT_EQ(world.kernel.uncompleted.back() % 4096, 0u) << "a new frame";

  packet = received(world, udp_frame(200));
  const View payload = packet.take_payload(0);
  const Part header = packet.header();
  packet.join_payload({header.page, header.offset + 50, 20});  // where the other payload would go
  const auto joined = bytes_of(packet);
  retain(payload.netmem());
  packet.add_payload({payload.netmem(), payload.offset(), 200});
  auto expected = joined;
  const auto sent = udp_frame(200);
  expected.insert(expected.end(), sent.begin() + kUdpHeaders, sent.end());
  EXPECT_EQ(world.transmit(std::move(packet)), 1u);
  expect_sent(world, expected, 1);
}

TEST(XdpQueueSend, LargeDevicePayloadTakesSeveralFrames) {
  XdpWorld world(with_split(memfd(64)));
  EXPECT_EQ(world.transmit(received(world, udp_frame(9000))), 1u);
  expect_sent(world, udp_frame(9000), 3);
}

TEST(XdpQueueSend, PacketsThatTheDeviceDoesNotGiveUpAreDroppedAndCounted) {
  const auto device = std::make_shared<FlakyDevice>(64);
  XdpWorld world(with_split(device));
  std::vector<Packet> packets(2);
  packets[0] = received(world, udp_frame(700));
  packets[1] = received(world, frames::ethernet(frames::kArp) + filled(46));
  device->refuses = true;
  EXPECT_EQ(world.queue->transmit(packets), 2u);
  expect_sent(world, frames::ethernet(frames::kArp) + filled(46), 1);
  EXPECT_EQ(world.count("send_copy_failed"), 1u);
  EXPECT_EQ(world.count("transmitted"), 1u);
  EXPECT_EQ(world.count("copied_to_send"), 0u);
}

TEST(XdpQueueSend, HostMemoryOfAnotherRegionIsCopied) {
  XdpWorld world;
  const auto pool = PagePool::create(TestProvider::create(4)).value();
  const Netmem page = pool->try_alloc();
  const auto frame = udp_frame(300);
  std::ranges::copy(frame, Page(page).bytes().begin() + 100);
  Packet packet;
  packet.set_header({page, 100, kUdpHeaders});
  packet.join_payload({page, 100 + kUdpHeaders, 300});
  EXPECT_EQ(world.queue->transmit({&packet, 1}), 1u);
  EXPECT_EQ(pool->counters().inflight(), 0);
  expect_sent(world, frame, 1);
  EXPECT_EQ(world.count("copied_to_send"), 1u);
}

TEST(XdpQueueSend, APageOfAnotherPoolOverTheRegionIsNotCopied) {
  XdpWorld world;
  const auto other = PagePool::create(world.memory, {.name = "other"}).value();
  const Netmem page = other->try_alloc();
  std::ranges::copy(udp_frame(20), Page(page).bytes().begin());
  Packet packet;
  packet.set_header({page, 0, kUdpHeaders + 20});
  EXPECT_EQ(world.queue->transmit({&packet, 1}), 1u);
  expect_sent(world, udp_frame(20), 1);
  EXPECT_EQ(world.count("copied_to_send"), 0u);
  EXPECT_EQ(other->counters().inflight(), 1);
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(other->counters().inflight(), 0) << "it was posted by a pool that does not own it";
}

TEST(XdpQueueSend, WhatIsTooLargeOrTooSmallIsDroppedAndCounted) {
  XdpWorld world({.queue = {.most_posted = 32, .most_frame = 1514}});
  std::vector<Packet> packets(5);
  packets[0] = received(world, udp_frame(1473));
  packets[1] = received(world, udp_frame(1472));
  packets[3] = received(world, frames::Bytes(13));
  packets[4] = received(world, frames::Bytes(14));
  EXPECT_EQ(world.queue->transmit(packets), 5u);
  world.kernel.take_transmitted();
  ASSERT_EQ(world.kernel.sent.size(), 2u);
  EXPECT_EQ(world.kernel.sent[0].size(), 1514u);
  EXPECT_EQ(world.kernel.sent[1].size(), 14u);
  EXPECT_EQ(world.count("too_large_to_send"), 1u);
  EXPECT_EQ(world.count("too_small_to_send"), 1u);
  for (const Packet& packet : packets) EXPECT_FALSE(packet);
}

TEST(XdpQueueSend, WithoutMultiBufferAPacketMustFitOneChunk) {
  XdpWorld world({.queue = {.most_posted = 32, .multi_buffer = false}});
  EXPECT_EQ(world.transmit(received(world, udp_frame(4096 - kUdpHeaders), 2000)), 1u);
  EXPECT_EQ(world.transmit(received(world, udp_frame(4097 - kUdpHeaders), 2000)), 1u);
  EXPECT_EQ(world.count("transmitted"), 1u);
  EXPECT_EQ(world.count("too_large_to_send"), 1u);
}

TEST(XdpQueueSend, AFullRingLeavesTheRestWithTheCaller) {
  XdpWorld world({.kernel = {.ring = 16}, .queue = {.most_posted = 16}});
  std::vector<Packet> packets;
  for (unsigned i = 0; i < 20; ++i) packets.push_back(received(world, udp_frame(i, i)));
  EXPECT_EQ(world.queue->transmit(packets), 16u);
  EXPECT_EQ(world.count("tx_ring_full"), 1u);
  for (unsigned i = 16; i < 20; ++i) expect_bytes(packets[i], udp_frame(i, i));
  world.kernel.take_transmitted();
  world.kernel.complete_all();
  EXPECT_EQ(world.queue->transmit(std::span(packets).subspan(16)), 4u);
  world.kernel.take_transmitted();
  ASSERT_EQ(world.kernel.sent.size(), 20u);
  for (unsigned i = 0; i < 20; ++i) EXPECT_THAT(world.kernel.sent[i], ElementsAreArray(udp_frame(i, i)));
}

TEST(XdpQueueSend, APacketOfSeveralPartsWaitsForRoomForAll) {
  XdpWorld world({.kernel = {.ring = 16}, .queue = {.most_posted = 16}});
  std::vector<Packet> packets;
  for (unsigned i = 0; i < 3; ++i) packets.push_back(received(world, udp_frame(500, i), 80));
  EXPECT_EQ(world.queue->transmit(packets), 2u) << "two of seven parts each";
  EXPECT_EQ(world.queue->sending(), 14u);
  expect_bytes(packets[2], udp_frame(500, 2));
}

TEST(XdpQueueSend, WithoutFramesToCopyToTheRestStaysWithTheCaller) {
  XdpWorldOptions options = with_split(memfd(64));
  options.pages = 70;
  XdpWorld world(std::move(options));
  std::vector<Packet> packets;
  for (unsigned i = 0; i < 4; ++i) packets.push_back(received(world, udp_frame(700, i)));
  std::vector<Netmem> shared;
  for (const Packet& packet : packets) shared.push_back(packet.header().page);
  for (const Netmem page : shared) retain(page);  // somebody looks at what is behind the headers, too
  std::vector<Netmem> kept = take(*world.pool, 100);
  EXPECT_EQ(world.queue->transmit(packets), 0u);
  EXPECT_EQ(world.count("no_frame_to_send_from"), 1u);
  expect_bytes(packets[0], udp_frame(700, 0));
  ASSERT_GE(kept.size(), 2u);
  drop(std::span<const Netmem>(kept).first(2));
  EXPECT_EQ(world.queue->transmit(packets), 2u);
  EXPECT_EQ(world.count("no_frame_to_send_from"), 2u);
  expect_bytes(packets[2], udp_frame(700, 2));
  drop(std::span<const Netmem>(shared));
  kept.erase(kept.begin(), kept.begin() + 2);
  EXPECT_EQ(world.queue->transmit(std::span(packets).subspan(2)), 2u) << "behind their own headers";
  drop(std::span<const Netmem>(kept));
  world.kernel.take_transmitted();
  ASSERT_EQ(world.kernel.sent.size(), 4u);
  for (unsigned i = 0; i < 4; ++i) EXPECT_THAT(world.kernel.sent[i], ElementsAreArray(udp_frame(700, i)));
}

TEST(XdpQueueSend, CompletionsMayComeInAnyOrder) {
  XdpWorld world;
  std::vector<Packet> packets;
  for (unsigned i = 0; i < 10; ++i) packets.push_back(received(world, udp_frame(i)));
  EXPECT_EQ(world.queue->transmit(packets), 10u);
  world.kernel.take_transmitted();
  for (const std::size_t i : {9U, 0U, 4U, 6U, 1U, 0U}) ASSERT_TRUE(world.kernel.complete(i));
  world.queue->complete();
  EXPECT_EQ(world.queue->sending(), 4u);
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(world.queue->sending(), 0u);
  EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()));
}

TEST(XdpQueueSend, APageMayBeSentManyTimesAtOnce) {
  XdpWorld world;
  Packet original = received(world, udp_frame(10));
  const Part whole{original.header().page, original.header().offset, kUdpHeaders + 10};
  for (int i = 0; i < 20; ++i) {
    Packet again;
    retain(whole.page);
    again.set_header(whole);
    EXPECT_EQ(world.transmit(std::move(again)), 1u);
  }
  EXPECT_EQ(world.queue->sending(), 20u);
  original.reset();
  world.kernel.take_transmitted();
  while (!world.kernel.uncompleted.empty()) {
    EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()) + 1);
    ASSERT_TRUE(world.kernel.complete());
    world.queue->complete();
  }
  EXPECT_EQ(world.inflight(), static_cast<std::int64_t>(world.queue->posted()));
}

TEST(XdpQueueSend, PartsOfOnePageAndEmptyOnesAreMatchedWithTheirReferences) {
  XdpWorld world;
  std::vector<Netmem> pages = take(*world.pool, 3);
  for (const Netmem page : pages) std::ranges::copy(filled(512), Page(page).bytes().begin());
  Packet packet;
  packet.set_header({pages[0], 0, 20});
  packet.join_payload({pages[0], 100, 10});  // does not follow the header
  packet.add_payload({pages[1], 0, 0});
  packet.add_payload({pages[2], 0, 5});
  retain(pages[2]);
  packet.add_payload({pages[2], 5, 5});  // one range with the one before
  EXPECT_EQ(world.queue->transmit({&packet, 1}), 1u);
  const auto f = filled(512);
  std::vector<std::byte> expected(f.begin(), f.begin() + 20);
  expected.insert(expected.end(), f.begin() + 100, f.begin() + 110);
  expected.insert(expected.end(), f.begin(), f.begin() + 10);
  expect_sent(world, expected, 3);
  EXPECT_EQ(world.inflight(), 2);
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(world.inflight(), 0);
}

// ---- chunks smaller than pages ----

TEST(XdpQueueChunks, TwoChunksOf2KiBShareAPage) {
  XdpWorld world({.kernel = {.chunk = 2048}});
  world.queue->post();
  EXPECT_EQ(world.inflight(), 16);
  for (unsigned i = 0; i < 200; ++i) {
    ASSERT_TRUE(world.kernel.deliver(udp_frame(8 * i, i)));
    const auto packets = world.receive();
    ASSERT_EQ(packets.size(), 1u);
    expect_bytes(packets[0], udp_frame(8 * i, i));
  }
  const auto large = udp_frame(9000);
  ASSERT_TRUE(world.kernel.deliver(large));
  auto packets = world.receive();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].payload().size(), 6u);
  expect_bytes(packets[0], large);
  EXPECT_EQ(world.queue->transmit(packets), 1u);
  expect_sent(world, large, 6);
}

TEST(XdpQueueChunks, ChunksOf4KiBAreCutFromPagesOf2MiB) {
  XdpWorld world({.pages = 2, .page_shift = 21, .kernel = {.headroom = 64}});
  world.queue->post();
  EXPECT_EQ(world.queue->posted(), 32u);
  for (unsigned i = 0; i < 2000; ++i) {
    ASSERT_TRUE(world.kernel.deliver(udp_frame(i, i)));
    auto packets = world.receive();
    ASSERT_EQ(packets.size(), 1u);
    if (i % 100 == 0) expect_bytes(packets[0], udp_frame(i, i));
    ASSERT_EQ(world.queue->transmit(packets), 1u);
    world.kernel.take_transmitted();
    world.kernel.complete_all();
  }
}

TEST(XdpQueueChunks, FragmentsThatOthersCutFromThePoolDoNotMisplaceChunks) {
  XdpWorld world({.kernel = {.chunk = 2048}});
  const Fragment small = world.pool->try_alloc_fragment(100);
  world.queue->post();
  world.kernel.take_posted();
  for (const std::uint64_t address : world.kernel.frames) EXPECT_EQ(address % 2048, 0u);
  EXPECT_EQ(world.queue->posted(), 32u);
  drop(small.netmem);
}

TEST(XdpQueueChunks, APartThatSpansChunksTakesADescriptorForEach) {
  XdpWorld world({.kernel = {.chunk = 2048}});
  const Netmem page = world.pool->try_alloc();
  std::ranges::copy(filled(4096), Page(page).bytes().begin());
  Packet packet;
  packet.set_header({page, 100, 3000});
  EXPECT_EQ(world.queue->transmit({&packet, 1}), 1u);
  EXPECT_EQ(world.queue->sending(), 2u);
  const auto f = filled(4096);
  expect_sent(world, {f.begin() + 100, f.begin() + 3100}, 2);
  world.kernel.complete_all();
  world.queue->complete();
  EXPECT_EQ(world.inflight(), 0);
}

// ---- the end, books, wake-ups ----

TEST(XdpQueue, TakesEverythingHomeThatWasTheKernels) {
  XdpWorld world;
  std::vector<Packet> packets;
  for (unsigned i = 0; i < 6; ++i) packets.push_back(received(world, udp_frame(9000 * (i % 2), i)));
  EXPECT_EQ(world.queue->transmit(packets), 6u);
  world.kernel.take_transmitted(4);
  ASSERT_TRUE(world.kernel.complete(1));
  ASSERT_TRUE(world.kernel.complete(0));
  for (unsigned i = 0; i < 5; ++i) ASSERT_TRUE(world.kernel.deliver(udp_frame(50)));
  world.kernel.put_buffer(udp_frame(10), true);
  EXPECT_GT(world.inflight(), 32);
  world.queue.reset();
  EXPECT_EQ(world.inflight(), 0);
}

TEST(XdpQueue, PagesAreWithTheKernelForReceivingOrSendingOrHeld) {
  XdpWorld world({.pages = 128});
  std::vector<Packet> held;
  for (unsigned i = 0; i < 200; ++i) {
    if (held.size() < 20) held.push_back(received(world, udp_frame(i, i)));
    if (i % 3 == 0) {
      ASSERT_EQ(world.transmit(std::move(held.back())), 1u);
      held.pop_back();
    }
    if (i % 50 == 49) {
      world.kernel.take_transmitted();
      world.kernel.complete_all();
    }
    EXPECT_EQ(world.inflight(),
              static_cast<std::int64_t>(world.queue->posted() + world.queue->sending() + held.size()));
    EXPECT_EQ(world.count("posted"), world.queue->posted());
    EXPECT_EQ(world.count("sending"), world.queue->sending());
  }
}

TEST(XdpQueue, TheKernelSaysWhetherItWantsToBeWoken) {
  XdpWorld world;
  EXPECT_FALSE(world.queue->wants_wakeup_to_receive());
  world.kernel.want_wakeups(true, false);
  EXPECT_TRUE(world.queue->wants_wakeup_to_receive());
  EXPECT_FALSE(world.queue->wants_wakeup_to_send());
  world.kernel.want_wakeups(false, true);
  EXPECT_FALSE(world.queue->wants_wakeup_to_receive());
  EXPECT_TRUE(world.queue->wants_wakeup_to_send());
}

TEST(XdpQueue, AllocatesNoHeapMemory) {
#ifdef NETMEM_UNDER_SANITIZER
  GTEST_SKIP() << "the sanitizer has its own operator new";
#endif
  XdpWorld world(with_split(memfd(512)));
  world.queue->post();
  std::array<Packet, 64> packets;
  std::vector<frames::Bytes> traffic;
  for (unsigned i = 0; i < 20; ++i) traffic.push_back(udp_frame(i * 100, i));
  traffic.push_back(udp_frame(9000));
  std::uint64_t in_queue = 0;
  for (int round = 0; round < 50; ++round) {
    for (const auto& frame : traffic) ASSERT_TRUE(world.kernel.deliver(frame));
    const std::uint64_t before = heap_allocations();
    const std::size_t count = world.queue->receive(packets);
    EXPECT_EQ(world.queue->transmit(std::span(packets).first(count / 2)), count / 2);
    drop(std::span(packets).subspan(count / 2, count - count / 2));
    in_queue += heap_allocations() - before;
    world.kernel.take_transmitted();
    world.kernel.sent.clear();
    world.kernel.complete_all();
  }
  EXPECT_EQ(in_queue, 0u);
  EXPECT_EQ(world.count("received"), 50u * 21);
}

// ---- a kernel that lies ----

using XdpQueueDeathTest = testing::Test;

TEST(XdpQueueDeathTest, AnAddressOutsideTheRegionIsNamed) {
  XdpWorld world;
  world.queue->post();
  world.kernel.say_received({64 * 4096 + 256, 60, 0});
  EXPECT_DEATH((void)world.receive(), "received 60 bytes at 0x40100, in a region of 0x40000 bytes");
  world.kernel.say_completed(~std::uint64_t{0});
  EXPECT_DEATH(world.queue->complete(), "sent 0xffffffffffffffff, outside a region of 0x40000 bytes");
  world.kernel.receive_ring().producer = 0;  // the world ends in peace
  world.kernel.completion_ring().producer = 0;
}

TEST(XdpQueueDeathTest, ABufferThatLeavesItsChunkIsNamed) {
  XdpWorld world;
  world.queue->post();
  world.kernel.take_posted();
  world.kernel.say_received({world.kernel.frames[0] + 256, 3841, 0});
  EXPECT_DEATH((void)world.receive(), "received 3841 bytes at 0x100");
  world.kernel.receive_ring().producer = 0;
}

TEST(XdpQueueDeathTest, AChunkThatTheKernelHasNotForReceivingIsNamed) {
  XdpWorld world;
  Packet packet = received(world, udp_frame(10));
  const std::uint64_t address = world.memory->lasting_region()->offset(packet.header().page) + 256;
  world.kernel.say_received({address, 60, 0});
  EXPECT_DEATH((void)world.receive(), "in a chunk that it has not for that");
  EXPECT_EQ(world.queue->transmit({&packet, 1}), 1u);
  EXPECT_DEATH((void)world.receive(), "in a chunk that it has not for that") << "for sending only";
  world.kernel.receive_ring().producer = world.kernel.receive_ring().consumer;
}

TEST(XdpQueueDeathTest, ABufferReceivedTwiceIsNamed) {
  XdpWorld world;
  world.queue->post();
  world.kernel.take_posted();
  const std::uint64_t address = world.kernel.frames[0];
  world.kernel.say_received({address, 60, 0});
  world.kernel.say_received({address, 60, 0});
  EXPECT_DEATH((void)world.receive(), "received at 0, in a chunk that it has not for that");
  world.kernel.receive_ring().producer = 0;
}

TEST(XdpQueueDeathTest, ACompletionOfWhatIsNotBeingSentIsNamed) {
  XdpWorld world;
  EXPECT_EQ(world.transmit(received(world, udp_frame(10))), 1u);
  world.kernel.take_transmitted();
  const std::uint64_t address = world.kernel.uncompleted.at(0);
  world.kernel.say_completed(address);
  world.kernel.say_completed(address);
  EXPECT_DEATH(world.queue->complete(), "from a chunk that it has not for that");
  world.kernel.completion_ring().producer = 1;
  world.queue->complete();
  world.kernel.take_posted();
  world.kernel.say_completed(world.kernel.frames.at(0));  // it has that one for receiving
  EXPECT_DEATH(world.queue->complete(), "from a chunk that it has not for that");
  world.kernel.completion_ring().producer = 1;
}

TEST(XdpQueueDeathTest, IndicesThatCannotBeAreNamed) {
  XdpWorld world;
  EXPECT_EQ(world.transmit(received(world, udp_frame(10))), 1u);
  const auto expect_death = [&](std::uint32_t& index, std::uint32_t lie, const auto& use) {
    const std::uint32_t truth = std::exchange(index, lie);
    EXPECT_DEATH(use(), "kernel's index of a ring of 64 entries went from");
    index = truth;
  };
  const auto receive = [&] { (void)world.receive(); };
  expect_death(world.kernel.receive_ring().producer, 66, receive);
  expect_death(world.kernel.receive_ring().producer, 0, receive);
  const auto complete = [&] { world.queue->complete(); };
  expect_death(world.kernel.completion_ring().producer, 65, complete);
  expect_death(world.kernel.completion_ring().producer, ~0U, complete);
}

TEST(XdpQueueDeathTest, SendingFromAChunkThatIsTheKernelsIsNamed) {
  XdpWorld world;
  world.queue->post();
  world.kernel.take_posted();
  const Netmem page = world.memory->lasting_region()->page(static_cast<std::uint32_t>(world.kernel.frames[0] >> 12));
  Packet packet;
  packet.set_header({page, 0, 60});
  EXPECT_DEATH((void)world.queue->transmit({&packet, 1}), "0 is sent from a chunk that is the kernel's for receiving");
  (void)packet.take_header().release();
}

TEST(XdpQueueDeathTest, AChunkThatIsPostedTwiceIsNamed) {
  XdpWorld world({.pages = 32});
  world.queue->post();
  const Netmem page = world.memory->lasting_region()->page(31);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(world.kernel.deliver(udp_frame(1)));
  std::vector<Packet> packets(8);
  const auto give_away_and_post = [&] {
    drop(page);  // which the program does not hold
    (void)world.queue->receive(packets);
  };
  EXPECT_DEATH(give_away_and_post(), "chunk at 0x1f000 was posted while the kernel has it");
}

TEST(XdpQueueDeathTest, FramesNeedHostMemoryOfOneRegion) {
  const auto two = PagePool::create(TestProvider::create({{}, {}}), {.name = "two"}).value();
  const auto device = PagePool::create(memfd(4), {.name = "device", .allow_unreadable = true}).value();
  FakeXdpKernel kernel(*TestProvider::create()->lasting_region(), {});
  EXPECT_DEATH(XdpQueue(*two, kernel.rings(), {}), "pool two need one region of host memory that stays");
  EXPECT_DEATH(XdpQueue(*device, kernel.rings(), {}),
               "pool device need one region of host memory that stays; this is device memory");
}

}  // namespace
}  // namespace netmem
