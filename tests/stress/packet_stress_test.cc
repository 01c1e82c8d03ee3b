// One thread fills packets; others take them apart, split what they took, hand parts on and drop everything in any
// order. Each page says whose it is: nobody may find another packet's bytes in a part that is still held.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"
#include "tests/support/channel.h"
#include "tests/support/pool_checks.h"
#include "tests/support/test_provider.h"

namespace netmem {
namespace {

// A packet's number stands in all of its pages.
void sign(Netmem page, std::uint64_t number) { std::memcpy(Page(page).address(), &number, sizeof number); }
std::uint64_t signature(Netmem page) {
  std::uint64_t number = 0;
  std::memcpy(&number, Page(page).address(), sizeof number);
  return number;
}

struct Piece {
  View view;
  std::uint64_t number = 0;
};
constexpr std::uint64_t kPackets = 200000;

using Packets = Channel<std::vector<Packet>>;
using Pieces = Channel<std::vector<Piece>>;

Packet make_packet(PagePool& frames, PagePool& payload, std::mt19937& random, std::uint64_t number) {
  Packet packet;
  packet.info.received_ns = number;
  const Netmem page = frames.try_alloc();
  if (!page) return packet;
  sign(page, number);
  packet.set_header({.page = page, .offset = 256, .size = 42});
  if (random() % 2 == 0) packet.join_payload({.page = page, .offset = 298, .size = 1000});
  for (std::size_t parts = random() % 5; parts != 0; --parts) {
    const Netmem more = payload.try_alloc();
    if (!more) break;
    sign(more, number);
    packet.add_payload({.page = more, .offset = 8, .size = 1000});
  }
  return packet;
}

std::atomic<std::uint64_t> pieces_dropped{0};

void drop_piece(Piece& piece) {
  pieces_dropped.fetch_add(1, std::memory_order_relaxed);
  ASSERT_EQ(signature(piece.view.netmem()), piece.number) << "the page found a new holder while it was held";
  piece.view.reset();
}

void take_apart(Packet& packet, std::mt19937& random, std::vector<Piece>& pieces) {
  const std::uint64_t number = packet.info.received_ns;
  const auto keep = [&](View view) {
    if (!view) return;
    if (random() % 4 == 0)
      pieces.push_back(
          {.view = view.split(static_cast<std::uint32_t>(random() % (view.size() + 1))), .number = number});
    pieces.push_back({.view = std::move(view), .number = number});
  };
  const std::size_t parts = packet.payload().size();
  if (random() % 2 == 0) keep(packet.take_header());
  for (std::size_t i = parts; i-- != 0;)
    if (random() % 3 != 0) keep(packet.take_payload(i));
  if (random() % 2 == 0) keep(packet.take_header());
}

void take_packets_apart(Packets& packets, Pieces& pieces, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Packet> batch;
  while (packets.receive(batch)) {
    std::vector<Piece> mine, others;
    for (Packet& packet : batch)
      if (random() % 2 == 0) take_apart(packet, random, random() % 2 == 0 ? mine : others);
    std::ranges::shuffle(mine, random);
    pieces.send(std::move(others));
    if (random() % 2 == 0) drop(batch);
    for (Piece& piece : mine) drop_piece(piece);
    batch.clear();
  }
}

TEST(PacketStress, PartsAreDroppedByAnyThreadInAnyOrder) {
  const auto frames = PagePool::create(TestProvider::create(512), {.name = "frames", .ring_size = 128}).value();
  const auto payload = PagePool::create(TestProvider::create(512), {.name = "payload", .ring_size = 128}).value();
  Packets packets;
  Pieces pieces;
  std::vector<std::thread> takers;
  for (std::uint32_t i = 0; i < 2; ++i) takers.emplace_back([&, i] { take_packets_apart(packets, pieces, i); });
  std::thread dropper([&] {
    std::vector<Piece> some;
    while (pieces.receive(some))
      for (Piece& piece : some) drop_piece(piece);
  });
  std::mt19937 random(5);
  for (std::uint64_t number = 0; number < kPackets;) {
    std::vector<Packet> batch;
    for (std::size_t wanted = 1 + random() % 40; wanted != 0; --wanted) {
      Packet packet = make_packet(*frames, *payload, random, number);
      if (!packet) break;
      batch.push_back(std::move(packet));
      ++number;
    }
    if (batch.empty()) std::this_thread::yield();
    packets.send(std::move(batch));
  }
  packets.close();
  for (std::thread& taker : takers) taker.join();
  pieces.close();
  dropper.join();
  EXPECT_GT(pieces_dropped.load(), kPackets);
  for (const PagePool* pool : {frames.get(), payload.get()}) {
    expect_balanced(*pool);
    EXPECT_EQ(pool->counters().inflight(), 0) << pool->name();
    EXPECT_GT(pool->counters().ring, 0U) << pool->name();
  }
}

}  // namespace
}  // namespace netmem
