#include "netmem/ports/xdp/ring.h"

#include <gtest/gtest.h>

#include <array>

namespace netmem {
namespace {

// The words of a ring, which the test and the ring share.
struct Words {
  explicit Words(std::uint32_t first = 0) : producer(first), consumer(first) {}
  XdpRing ring() { return {&producer, &consumer, &flags, entries.data(), static_cast<std::uint32_t>(entries.size())}; }

  std::uint32_t producer, consumer, flags = 0;
  std::array<std::uint64_t, 8> entries{};
};

TEST(XdpRing, AProducerShowsItsEntriesWhenItPublishes) {
  Words words;
  XdpProducer<std::uint64_t> ring(words.ring());
  EXPECT_EQ(ring.room(1), 8u);
  ring.put(7);
  ring.put(8);
  EXPECT_EQ(words.producer, 0u);
  EXPECT_EQ(ring.room(1), 6u);
  ring.publish();
  EXPECT_EQ(words.producer, 2u);
  EXPECT_EQ(words.entries[1], 8u);
}

TEST(XdpRing, AProducerLooksForRoomWhenItKnowsOfTooLittle) {
  Words words(0xffff'fffc);
  XdpProducer<std::uint64_t> ring(words.ring());
  for (std::uint64_t i = 0; i < 6; ++i) ring.put(i);
  ring.publish();
  words.consumer += 4;
  EXPECT_EQ(ring.room(2), 2u) << "it knew of so many";
  EXPECT_EQ(ring.room(3), 6u);
  EXPECT_EQ(words.producer, 2u);
}

TEST(XdpRing, AConsumerSeesWhatWasPublishedAndGivesItBack) {
  Words words(0xffff'fffe);
  XdpConsumer<std::uint64_t> ring(words.ring());
  EXPECT_EQ(ring.available(1), 0u);
  for (std::uint32_t i = 0; i < 4; ++i) words.entries[(words.producer + i) % 8] = 10 + i;
  words.producer += 4;
  EXPECT_EQ(ring.available(1), 4u);
  EXPECT_EQ(ring.entry(3), 13u);
  ring.release(3);
  EXPECT_EQ(words.consumer, 1u);
  words.producer += 2;
  EXPECT_EQ(ring.available(1), 1u) << "it knew of so many";
  EXPECT_EQ(ring.available(2), 3u);
  EXPECT_EQ(ring.entry(0), 13u);
}

TEST(XdpRing, ARingMayBeInUseAlready) {
  Words words(3);
  words.producer = 5;
  EXPECT_EQ(XdpProducer<std::uint64_t>(words.ring()).room(8), 6u);
  EXPECT_EQ(XdpConsumer<std::uint64_t>(words.ring()).available(8), 2u);
}

TEST(XdpRing, WithoutAWordForItNobodyWantsToBeWoken) {
  Words words;
  XdpRing silent = words.ring();
  silent.flags = nullptr;
  EXPECT_FALSE(XdpProducer<std::uint64_t>(silent).wants_wakeup());
  words.flags = 1;
  EXPECT_TRUE(XdpProducer<std::uint64_t>(words.ring()).wants_wakeup());
}

TEST(XdpRingDeathTest, AnIndexThatWentBackOrTooFarIsNamed) {
  Words words(100);
  XdpConsumer<std::uint64_t> consumer(words.ring());
  words.producer = 103;
  ASSERT_EQ(consumer.available(1), 3u);
  words.producer = 102;
  EXPECT_DEATH((void)consumer.available(8), "index of a ring of 8 entries went from 103 to 102, and 100 is the next");
  words.producer = 109;
  EXPECT_DEATH((void)consumer.available(8), "from 103 to 109");
  words.producer = 108;
  EXPECT_EQ(consumer.available(8), 8u);

  Words other(100);
  XdpProducer<std::uint64_t> producer(other.ring());
  for (std::uint64_t i = 0; i < 4; ++i) producer.put(i);
  producer.publish();
  other.consumer = 105;
  EXPECT_DEATH((void)producer.room(8), "index of a ring of 8 entries went from 100 to 105, and 104 is the last");
  other.consumer = 99;
  EXPECT_DEATH((void)producer.room(8), "from 100 to 99");
  other.consumer = 104;
  EXPECT_EQ(producer.room(8), 8u);
  other.consumer = 103;
  producer.put(1);
  producer.publish();
  EXPECT_DEATH((void)producer.room(8), "from 104 to 103, and 105");
}

TEST(XdpRingDeathTest, ARingThatBeginsImpossiblyIsNamed) {
  Words words(100);
  words.consumer = 90;
  EXPECT_DEATH(XdpProducer<std::uint64_t>{words.ring()}, "a ring of 8 entries begins with 10 of them in use");
}

}  // namespace
}  // namespace netmem
