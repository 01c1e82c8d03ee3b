// Port xdp's queue with a device that copies by itself: packets are held until their payload has landed.
#include "netmem/ports/xdp/split_flight.h"

#include <gtest/gtest.h>

#include "netmem/providers/gpu/gpu.h"
#include "tests/support/late_device.h"
#include "tests/support/xdp_world.h"

namespace netmem {
namespace {

class LateSplit : public testing::Test {
 protected:
  LateSplit() {
    device->held = true;
    world.emplace(XdpWorldOptions{.pages = 1024,
                                  .kernel = {.ring = 512},
                                  .queue = {.most_posted = 512},
                                  .payload = make_gpu_provider(device, {.size = 512 * 4096}).value()});
    world->queue->post();
  }

  void deliver(std::size_t frames) {
    for (std::size_t i = 0; i < frames; ++i) ASSERT_TRUE(world->kernel.deliver(frame(delivered++)));
  }
  static frames::Bytes frame(unsigned number) { return udp_frame(100 + number % 50, number); }
  void expect_next(std::vector<Packet> packets, std::size_t count) {
    ASSERT_EQ(packets.size(), count);
    device->held = false;  // reading back is a copy, too
    for (const Packet& packet : packets) {
      const frames::Bytes whole = frame(received++);
      EXPECT_TRUE(std::ranges::equal(bytes_of(packet), whole)) << "packet " << received;
    }
    device->held = true;
  }

  std::shared_ptr<LateDevice> device = std::make_shared<LateDevice>();
  std::optional<XdpWorld> world;
  unsigned delivered = 0;
  unsigned received = 0;
};

TEST_F(LateSplit, PacketsComeWhenTheirPayloadHasLanded) {
  deliver(3);
  EXPECT_TRUE(world->receive().empty());
  EXPECT_EQ(world->count("copying"), 3u);
  EXPECT_EQ(world->count("received"), 0u);
  device->complete(0);
  expect_next(world->receive(), 3);
  EXPECT_EQ(world->count("copying"), 0u);
  EXPECT_EQ(world->count("received"), 3u);
  EXPECT_EQ(world->count("received_bytes"), 3 * 142u + 0 + 1 + 2);
  EXPECT_EQ(device->waits, 0u) << "nobody waits for the device";
}

TEST_F(LateSplit, BatchesThatLandInAnyOrderComeInTheirOwn) {
  deliver(2);
  EXPECT_TRUE(world->receive().empty());
  deliver(3);
  EXPECT_TRUE(world->receive().empty());
  device->complete(1);
  EXPECT_TRUE(world->receive().empty()) << "the first is not there";
  device->complete(0);
  expect_next(world->receive(), 5);
}

TEST_F(LateSplit, PacketsWithoutPayloadWaitForThoseBeforeThem) {
  deliver(1);
  EXPECT_TRUE(world->receive().empty());
  ASSERT_TRUE(world->kernel.deliver(udp_frame(0)));
  EXPECT_TRUE(world->receive().empty());
  device->complete(0);
  const auto packets = world->receive();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].payload_size(), 100u);
  EXPECT_EQ(packets[1].payload_size(), 0u);
}

TEST_F(LateSplit, LittleRoomGivesABatchInParts) {
  deliver(5);
  EXPECT_TRUE(world->receive().empty());
  device->complete(0);
  expect_next(world->receive(2), 2);
  expect_next(world->receive(2), 2);
  EXPECT_EQ(world->count("copying"), 1u);
  expect_next(world->receive(2), 1);
}

TEST_F(LateSplit, FourBatchesAreUnderWayAndTheRestStaysInTheRing) {
  deliver(5 * 64);
  EXPECT_TRUE(world->receive().empty());
  EXPECT_EQ(device->under_way(), SplitFlight::kMostBatches);
  EXPECT_EQ(world->count("copying"), 4u * 64);
  for (int batch = 0; batch < 4; ++batch) {
    device->complete(0);
    expect_next(world->receive(), 64);
  }
  EXPECT_TRUE(world->receive().empty());
  EXPECT_EQ(device->under_way(), 1u) << "the rest";
  device->complete(0);
  expect_next(world->receive(), 64);
  EXPECT_EQ(world->count("copying"), 0u);
}

TEST_F(LateSplit, ACopyThatFailsDropsItsPacketsAndTheNextOnesCome) {
  deliver(2);
  ASSERT_TRUE(world->kernel.deliver(udp_frame(0)));
  EXPECT_TRUE(world->receive().empty());
  deliver(1);
  EXPECT_TRUE(world->receive().empty());
  device->complete(0, false);
  auto packets = world->receive();
  ASSERT_EQ(packets.size(), 1u) << "the one without payload";
  EXPECT_EQ(packets[0].payload_size(), 0u);
  EXPECT_EQ(world->count("payload_copy_failed"), 2u);
  device->complete(0);
  received = 2;
  expect_next(world->receive(), 1);
  EXPECT_EQ(world->count("received"), 2u);
}

TEST_F(LateSplit, ACopyThatCannotBeginDropsItsPacketsInTheirTurn) {
  deliver(1);
  EXPECT_TRUE(world->receive().empty());
  device->fail_enqueues = 1;
  deliver(1);
  ASSERT_TRUE(world->kernel.deliver(udp_frame(0)));
  EXPECT_TRUE(world->receive().empty());
  EXPECT_EQ(world->count("payload_copy_failed"), 1u);
  device->complete(0);
  const auto packets = world->receive();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].payload_size(), 100u);
  EXPECT_EQ(packets[1].payload_size(), 0u);
}

TEST_F(LateSplit, TheEndWaitsForWhatIsUnderWay) {
  deliver(100);
  ASSERT_TRUE(world->kernel.deliver(udp_frame(9000)));
  EXPECT_TRUE(world->receive().empty());
  world.reset();  // the pools' books balance, and no ticket is left
  EXPECT_EQ(device->under_way(), 0u);
}

TEST_F(LateSplit, BuffersOfAFrameForWhichThereIsNoPageWaitForNoCopy) {
  for (int i = 0; i < 169; ++i) ASSERT_TRUE(world->kernel.deliver(udp_frame(11000)));
  EXPECT_TRUE(world->receive().empty());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(world->kernel.deliver(udp_frame(11000)));
  EXPECT_TRUE(world->receive().empty());
  EXPECT_EQ(world->count("no_device_page"), 1u) << "512 pages are enough for 170 frames of three";
  EXPECT_EQ(world->count("copying"), 170u);
  EXPECT_EQ(world->inflight(), static_cast<std::int64_t>(world->queue->posted() + 170 * 3));
}

TEST_F(LateSplit, BuffersOfLargeFramesAreHeldUntilTheyAreCopied) {
  ASSERT_TRUE(world->kernel.deliver(udp_frame(9000)));
  EXPECT_TRUE(world->receive().empty());
  EXPECT_EQ(world->inflight(), 512) << "the kernel's, and three buffers";
  EXPECT_EQ(world->queue->posted(), 509u);
  device->complete(0);
  device->held = false;
  const auto packets = world->receive();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_TRUE(std::ranges::equal(bytes_of(packets[0]), udp_frame(9000)));
  EXPECT_EQ(world->queue->posted(), 511u) << "all but the header's is the kernel's again";
  EXPECT_EQ(world->pool->counters().cached, 0u) << "without a detour";
}

}  // namespace
}  // namespace netmem
