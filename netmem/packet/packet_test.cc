#include "netmem/packet/packet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "netmem/providers/mapped/device.h"
#include "tests/support/pool_checks.h"
#include "tests/support/test_provider.h"
#include "tests/support/worker.h"

namespace netmem {
namespace {

class PacketTest : public testing::Test {
 protected:
  ~PacketTest() override {
    for (const PagePool* pool : {frames_.get(), payload_.get()}) {
      expect_balanced(*pool);
      EXPECT_EQ(pool->counters().inflight(), 0) << pool->name();
      EXPECT_EQ(pool->counters().released_refcnt, 0U);
    }
  }

  static PagePoolPtr make_payload_pool() {
    auto memory = make_memfd_provider({.size = std::size_t{1} << 20}).value();
    return PagePool::create(memory, {.name = "payload", .allow_unreadable = true}).value();
  }

  Packet joined() {
    Packet packet;
    const Netmem page = frames_->try_alloc();
    packet.set_header({.page = page, .offset = 256, .size = 42});
    packet.join_payload({.page = page, .offset = 298, .size = 100});
    return packet;
  }
  Packet split(std::size_t parts = 1) {
    Packet packet;
    packet.set_header({.page = frames_->try_alloc(), .offset = 256, .size = 42});
    for (std::size_t i = 0; i < parts; ++i)
      packet.add_payload({.page = payload_->try_alloc(), .offset = 0, .size = 1000});
    return packet;
  }
  Packet header_only() {
    Packet packet;
    packet.set_header({.page = frames_->try_alloc(), .offset = 256, .size = 60});
    return packet;
  }
  static std::uint32_t references(Netmem page) {
    return page.descriptor().refs.load(std::memory_order_relaxed) & Descriptor::kCountMask;
  }

  PagePoolPtr frames_ = PagePool::create(TestProvider::create(512), {.name = "frames"}).value();
  PagePoolPtr payload_ = make_payload_pool();
};
using PacketDeathTest = PacketTest;

TEST_F(PacketTest, ANewPacketIsEmpty) {
  Packet packet;
  EXPECT_FALSE(packet);
  EXPECT_TRUE(packet.payload().empty());
  EXPECT_EQ(packet.size(), 0U);
  EXPECT_FALSE(packet.take_header());
  EXPECT_FALSE(packet.take_payload(0));
  packet.reset();
}

TEST_F(PacketTest, HeaderAndPayloadJoinedShareOneReference) {
  Packet packet = joined();
  EXPECT_EQ(references(packet.header().page), 1U);
  EXPECT_EQ(packet.size(), 142U);
  EXPECT_EQ(packet.payload_size(), 100U);
  EXPECT_EQ(packet.header_bytes().data(), Page(packet.header().page).address() + 256);
  packet.reset();
  EXPECT_FALSE(packet);
  EXPECT_EQ(frames_->counters().cached, 1U);
}

TEST_F(PacketTest, EachPartTakenOutOfAJoinedPairHasAReferenceOfItsOwn) {
  for (const bool header_first : {true, false}) {
    Packet packet = joined();
    const Netmem page = packet.header().page;
    View first = header_first ? packet.take_header() : packet.take_payload(0);
    EXPECT_EQ(references(page), 2U);
    EXPECT_TRUE(packet);
    EXPECT_EQ(packet.size(), header_first ? 100U : 42U);
    View second = header_first ? packet.take_payload(0) : packet.take_header();
    EXPECT_EQ(references(page), 2U);
    EXPECT_FALSE(packet);
    EXPECT_EQ(first.offset(), header_first ? 256U : 298U);
    EXPECT_EQ(second.offset(), header_first ? 298U : 256U);
    first.reset();
    EXPECT_EQ(references(page), 1U);
    packet.reset();
    EXPECT_EQ(frames_->counters().inflight(), 1);
  }
}

TEST_F(PacketTest, WhatIsLeftOfAJoinedPairIsDroppedWithThePacket) {
  for (const bool take_header : {true, false}) {
    Packet packet = joined();
    const View taken = take_header ? packet.take_header() : packet.take_payload(0);
    packet.reset();
    EXPECT_EQ(references(taken.netmem()), 1U);
  }
  Packet more = joined();
  more.add_payload({.page = frames_->try_alloc(), .offset = 0, .size = 10});
  EXPECT_EQ(more.size(), 152U);
  EXPECT_TRUE(more.take_payload(0));
  EXPECT_EQ(more.payload().size(), 2U);
}

TEST_F(PacketTest, AJoinedPairWithMorePartsIsDroppedOnce) {
  for (const bool together : {false, true}) {
    std::vector<Packet> packets(1);
    packets[0] = joined();
    packets[0].add_payload({.page = frames_->try_alloc(), .offset = 0, .size = 10});
    const Netmem page = packets[0].header().page;
    retain(page);
    if (together)
      drop(packets);
    else
      packets[0].reset();
    EXPECT_EQ(references(page), 1U);
    drop(page);
  }
}

TEST_F(PacketTest, PartsTakenOutLeaveTheirPlacesEmptyButAtTheEnd) {
  Packet packet = split(3);
  const Netmem last = packet.payload()[2].page;
  EXPECT_TRUE(packet.take_payload(1));
  EXPECT_FALSE(packet.take_payload(1));
  ASSERT_EQ(packet.payload().size(), 3U);
  EXPECT_EQ(packet.payload()[2].page, last);
  EXPECT_EQ(packet.payload_size(), 2000U);
  EXPECT_TRUE(packet.take_payload(2));
  EXPECT_EQ(packet.payload().size(), 1U);
  EXPECT_TRUE(packet.take_header());
  EXPECT_FALSE(packet.take_header());
  EXPECT_TRUE(packet);
  EXPECT_TRUE(packet.take_payload(0));
  EXPECT_FALSE(packet);
}

TEST_F(PacketTest, TakenPartsSplitFurther) {
  Packet packet = joined();
  const Netmem page = packet.header().page;
  View front = packet.take_payload(0);
  packet.reset();
  const View back = front.split(60);
  EXPECT_EQ(front.size(), 60U);
  EXPECT_EQ(back.offset(), 298U + 60U);
  EXPECT_EQ(back.size(), 40U);
  EXPECT_EQ(references(page), 2U);
}

TEST_F(PacketTest, APacketThatWasMovedFromIsEmpty) {
  Packet from = split(2);
  from.info.queue = 3;
  const Netmem header = from.header().page;
  Packet to(std::move(from));
  EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(from.size(), 0U);
  EXPECT_EQ(to.header().page, header);
  EXPECT_EQ(to.payload().size(), 2U);
  EXPECT_EQ(to.info.queue, 3U);
  from = header_only();
  to = std::move(from);
  EXPECT_EQ(to.header().size, 60U);
  EXPECT_TRUE(to.payload().empty());
  EXPECT_EQ(payload_->counters().inflight(), 0);
}

TEST_F(PacketTest, APacketHoldsSeventeenPayloadParts) {
  Packet packet = split(Packet::kMostPayloads);
  EXPECT_EQ(packet.size(), 42U + 17000U);
  Packet moved = std::move(packet);
  EXPECT_EQ(moved.payload().back().size, 1000U);
  EXPECT_EQ(payload_->counters().inflight(), 17);
}

TEST_F(PacketTest, AHeaderAndThePayloadBehindItStandOnOneReference) {
  Packet packet;
  packet.set_joined({.page = frames_->try_alloc(), .offset = 256, .size = 142}, 42);
  EXPECT_EQ(packet.header().size, 42U);
  ASSERT_EQ(packet.payload().size(), 1U);
  EXPECT_EQ(packet.payload()[0].page, packet.header().page);
  EXPECT_EQ(packet.payload()[0].offset, 298U);
  EXPECT_EQ(packet.payload()[0].size, 100U);
  EXPECT_TRUE(packet.stands_on_one());
  EXPECT_FALSE(split(1).stands_on_one());
  EXPECT_FALSE(Packet().stands_on_one());
  const Netmem page = packet.release_one();
  EXPECT_FALSE(packet);
  drop(page);
  EXPECT_EQ(frames_->counters().inflight(), 0);
}

TEST_F(PacketDeathTest, FillingWrongIsNamed) {
  Packet packet = split(Packet::kMostPayloads);
  const Part part = packet.header();
  EXPECT_DEATH(packet.set_header(part), "a second header, page [0-9]+, for a packet that has one");
  EXPECT_DEATH(packet.set_joined(part, 20), "a packet with page [0-9]+ is filled again");
  EXPECT_DEATH(packet.add_payload(part), "room for 17 payload parts");
  EXPECT_DEATH(packet.join_payload(part), "joined to a header in another page, or after other payload");
  Packet other = header_only();
  EXPECT_DEATH(other.join_payload(part), "joined to a header in another page");
  EXPECT_DEATH(static_cast<void>(packet.take_payload(17)), "payload part 17 of a packet");
}

TEST_F(PacketTest, ManyAreDroppedTogetherWhateverTheyHold) {
  std::vector<Packet> packets(100);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i % 5 == 0) packets[i] = joined();
    if (i % 5 == 1) packets[i] = split(1 + i % 4);
    if (i % 5 == 2) packets[i] = header_only();
    if (i % 5 == 3) packets[i] = joined(), static_cast<void>(packets[i].take_header());
  }
  drop(packets);
  for (const Packet& packet : packets) EXPECT_FALSE(packet);
  EXPECT_EQ(frames_->counters().inflight(), 0);
  EXPECT_EQ(payload_->counters().inflight(), 0);
  drop(packets);
}

// Stands in for a pool, to see how its pages come home, and passes them on.
class Doorkeeper final : public PageOwner {
 public:
  explicit Doorkeeper(PagePool& pool) : pool_(pool) {}
  void watch(Netmem page) { page.descriptor().owner = this; }
  void take_home(std::span<const Netmem> pages) noexcept override {
    ++trips;
    for (const Netmem page : pages) page.descriptor().owner = &pool_;
    pool_.take_home(pages);
  }
  void take_home_transient(Netmem page) noexcept override { pool_.take_home_transient(page); }
  [[nodiscard]] const char* owner_name() const noexcept override { return "doorkeeper"; }

  int trips = 0;

 private:
  PagePool& pool_;
};

TEST_F(PacketTest, ManyDroppedElsewhereGoHomeInOneTripToEachPool) {
  Doorkeeper frames(*frames_), payload(*payload_);
  std::vector<Packet> packets(20);
  for (Packet& packet : packets) {
    packet = split(2);
    frames.watch(packet.header().page);
    for (const Part& part : packet.payload()) payload.watch(part.page);
  }
  on_another_thread([&] { drop(packets); });
  EXPECT_EQ(frames.trips, 1);
  EXPECT_EQ(payload.trips, 1);
}

TEST_F(PacketTest, ManyLargePacketsAreDroppedTogether) {
  std::vector<Packet> packets(12);
  for (Packet& packet : packets) packet = split(Packet::kMostPayloads);
  EXPECT_EQ(payload_->counters().inflight(), 12 * 17);
  drop(packets);
  EXPECT_EQ(payload_->counters().inflight(), 0);
}

TEST_F(PacketTest, PartsAreDroppedOnSeveralThreadsInAnyOrder) {
  std::mt19937 random(1);
  Worker workers[3];
  for (int round = 0; round < 200; ++round) {
    Packet packet = round % 2 == 0 ? joined() : split(4);
    std::vector<View> views;
    const std::size_t parts = packet.payload().size();
    for (std::size_t i = 0; i < parts; ++i)
      if (random() % 3 != 0) views.push_back(packet.take_payload(i));
    if (random() % 2 == 0) views.push_back(packet.take_header());
    std::ranges::shuffle(views, random);
    for (View& view : views) workers[random() % 3].run([&] { view.reset(); });
    workers[0].run([&] { const Packet gone = std::move(packet); });
    EXPECT_EQ(frames_->counters().inflight() + payload_->counters().inflight(), 0);
  }
}

}  // namespace
}  // namespace netmem
