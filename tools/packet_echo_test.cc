#include "tools/packet_echo.h"

#include <gtest/gtest.h>

#include "tests/support/fake_packet_port.h"
#include "tests/support/frames.h"
#include "tests/support/packets.h"
#include "tests/support/test_provider.h"

namespace netmem::tool {
namespace {

using namespace frames;

class PacketEchoTest : public testing::Test {
 protected:
  std::vector<Packet> packets(std::size_t count) {
    std::vector<Packet> made;
    for (std::size_t i = 0; i < count; ++i)
      made.push_back(packet_in_pages(ethernet(kIpv4) + ipv4(kUdp, 8 + 10) + udp(10) + filled(10), *pool_, *pool_));
    return made;
  }
  static std::uint64_t value(const QueueWork& work, const std::string& name) {
    for (const Counter& counter : work.counters())
      if (counter.name == name) return counter.value;
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  PagePoolPtr pool_ = PagePool::create(TestProvider::create(128), {.name = "frames"}).value();
  FakePacketPort port_;
};

TEST_F(PacketEchoTest, SendsBackWhatItCanAndDropsTheRestByName) {
  PacketQuota quota({});
  PacketEcho echo(quota);
  std::vector<Packet> some = packets(2);
  some.push_back(packet_in_pages(ethernet(kArp) + filled(28), *pool_, *pool_));
  std::ranges::fill(some[0].header_bytes().first(6), std::byte{0xff});
  ASSERT_TRUE(echo.process(port_, some));
  EXPECT_EQ(port_.sent.size(), 1U);
  EXPECT_EQ(value(echo, "echoed"), 1U);
  EXPECT_EQ(value(echo, "to_many"), 1U);
  EXPECT_EQ(value(echo, "not_udp"), 1U);
  EXPECT_EQ(echo.counts().packets, 3U);
}

TEST_F(PacketEchoTest, AsksForRoomWhereThereIsNone) {
  PacketQuota quota({});
  PacketEcho echo(quota);
  port_.room = 2;
  port_.room_after_flush = 3;
  std::vector<Packet> some = packets(10);
  ASSERT_TRUE(echo.process(port_, some));
  EXPECT_EQ(port_.sent.size(), 10U);
  EXPECT_EQ(port_.flushes, 3);
  EXPECT_EQ(value(echo, "echoed"), 10U);
}

TEST_F(PacketEchoTest, GivesUpWhatNobodyTakesAndSaysSo) {
  PacketQuota quota({});
  PacketEcho echo(quota);
  port_.room = 4;
  std::vector<Packet> some = packets(10);
  ASSERT_TRUE(echo.process(port_, some));
  EXPECT_EQ(value(echo, "echoed"), 4U);
  EXPECT_EQ(value(echo, "not_sent"), 6U);
  EXPECT_EQ(port_.flushes, PacketEcho::kTries);
}

TEST_F(PacketEchoTest, EchoesNoMoreThanItWasAskedTo) {
  PacketQuota quota(3);
  PacketEcho echo(quota);
  std::vector<Packet> some = packets(5);
  ASSERT_TRUE(echo.process(port_, some));
  EXPECT_EQ(port_.sent.size(), 3U);
  EXPECT_EQ(echo.counts().beyond_count, 2U);
  EXPECT_TRUE(quota.exhausted());
}

}  // namespace
}  // namespace netmem::tool
