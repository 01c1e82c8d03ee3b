// Many pages at once, and the consumer's lane of the return ring.
#include <gtest/gtest.h>

#include <set>

#include "netmem/pool/page_pool.h"
#include "tests/support/pool_checks.h"
#include "tests/support/test_provider.h"

namespace netmem {
namespace {

std::vector<std::uint32_t> numbers(std::span<const Netmem> pages) {
  std::vector<std::uint32_t> found;
  for (const Netmem page : pages) found.push_back(page.index());
  return found;
}

void expect_to_take_different_pages(PagePool& pool, std::size_t count) {
  const auto pages = take(pool, count);
  const auto all = numbers(pages);
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), count);
  drop(pages);
}

// ---- recycle(span) ----

TEST(PagePool, RecyclingManyFillsTheCacheAndThenTheLane) {
  const auto pool = PagePool::create(TestProvider::create(192)).value();
  const auto pages = take(*pool, 192);
  pool->recycle(pages);
  const PoolCounters c = pool->counters();
  EXPECT_EQ(c.cached, 128u);
  EXPECT_EQ(c.in_cache, 128u);
  EXPECT_EQ(c.cache_full, 64u);
  EXPECT_EQ(c.ring, 64u);
  EXPECT_EQ(c.in_ring, 64u);
  expect_balanced(*pool);
  expect_to_take_different_pages(*pool, 192);
}

TEST(PagePool, ManyMoreThanCacheAndLaneHoldMoveIntoTheRing) {
  const auto pool = PagePool::create(TestProvider::create(500)).value();
  const auto pages = take(*pool, 500);
  drop(pages);
  const PoolCounters c = pool->counters();
  EXPECT_EQ(c.in_cache, 128u);
  EXPECT_EQ(c.cache_full, 372u);
  EXPECT_EQ(c.in_ring, 372u);
  EXPECT_EQ(c.ring_full, 0u);
  expect_balanced(*pool);
  expect_to_take_different_pages(*pool, 500);
}

TEST(PagePool, OfManyThatFindNoRoomOnlyThisPoolsOwnGoIntoTheLane) {
  const auto pool = PagePool::create(TestProvider::create(192)).value();
  const auto other = PagePool::create(TestProvider::create(64)).value();
  const auto pages = take(*pool, 192);
  drop(std::span(pages).first(128));
  const auto foreign = take(*other, 2);
  retain(pages[150]);
  std::vector<Netmem> mixed(pages.begin() + 128, pages.end());
  mixed.insert(mixed.begin() + 30, foreign.begin(), foreign.end());
  drop(mixed);
  EXPECT_EQ(pool->counters().in_ring, 63u);
  EXPECT_EQ(pool->counters().cache_full, 63u);
  EXPECT_EQ(other->counters().inflight(), 0);
  drop(pages[150]);
  EXPECT_EQ(pool->counters().in_ring, 64u);
  expect_balanced(*pool);
  expect_balanced(*other);
}

TEST(PagePool, AFullCacheTakesNoPageMoreAfterMany) {
  const auto pool = PagePool::create(TestProvider::create(192)).value();
  const auto pages = take(*pool, 192);
  pool->recycle(std::span(pages).first(128));
  for (const Netmem page : std::span(pages).last(64)) pool->recycle(page);
  EXPECT_EQ(pool->counters().in_cache, 128u);
  EXPECT_EQ(pool->counters().cache_full, 64u);
  expect_balanced(*pool);
}

TEST(PagePool, ManyPagesAreTakenInTheOppositeOrderOfTheirRecycling) {
  for (const std::size_t count : {1u, 2u, 3u, 31u, 62u, 63u}) {
    const auto pool = PagePool::create(TestProvider::create(64)).value();
    const auto pages = take(*pool, count);
    pool->recycle(pool->try_alloc());  // a page on top
    const Netmem top = pool->try_alloc();
    pool->recycle(top);
    pool->recycle(pages);
    auto again = take(*pool, count + 1);
    EXPECT_EQ(again.back().index(), top.index());
    auto expected = numbers(pages);
    std::ranges::reverse(expected);
    EXPECT_EQ(numbers(std::span(again).first(count)), expected);
    pool->recycle(again);
    EXPECT_EQ(pool->counters().in_cache, 64u);
    expect_balanced(*pool);
  }
}

TEST(PagePool, ASharedPageAmongManyAloneLeavesThePool) {
  const auto provider = TestProvider::create(64);
  const auto pool = PagePool::create(provider).value();
  for (const std::size_t which : {4u, 5u}) {
    const auto pages = take(*pool, 9);
    retain(pages[which]);
    pool->recycle(pages);
    EXPECT_EQ(pool->counters().released_refcnt, which - 3);
    drop(pages[which]);
  }
  EXPECT_EQ(pool->counters().in_cache, 62u);
  EXPECT_EQ(provider->free_pages(), 2u);
  expect_balanced(*pool);
}

TEST(PagePoolDeathTest, APageRecycledTwiceInOneCallIsNamed) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const auto pages = take(*pool, 4);
  const std::vector<Netmem> side_by_side = {pages[0], pages[0], pages[1], pages[2]};
  const std::vector<Netmem> apart = {pages[0], pages[1], pages[2], pages[0]};
  EXPECT_DEATH(pool->recycle(side_by_side), "page 0 .*recycled twice");
  EXPECT_DEATH(pool->recycle(apart), "page 0 .*recycled twice");
  EXPECT_DEATH(drop(side_by_side), "page 0 .*dropped twice");
  EXPECT_DEATH(drop(apart), "page 0 .*dropped twice");
  drop(pages);
}

TEST(PagePoolDeathTest, APageAmongManyThatFindNoRoomAndDroppedTwiceIsNamed) {
  const auto pool = PagePool::create(TestProvider::create(192)).value();
  auto pages = take(*pool, 192);
  pages.push_back(pages[150]);
  EXPECT_DEATH(drop(pages), "page 150 .*dropped twice");
  EXPECT_DEATH(pool->recycle(pages), "page 150 .*recycled twice");
  drop(std::span(pages).first(192));
}

// ---- straight from the ring ----

TEST(PagePool, ARefillThatIsWantedWholeIsCountedLikeAnyOther) {
  const auto pool = PagePool::create(TestProvider::create(100)).value();
  auto pages = take(*pool, 100);
  on_another_thread([&] { drop(std::span(pages).first(80)); });
  const PoolCounters before = pool->counters();
  const auto again = take(*pool, 80);
  EXPECT_EQ(numbers(again), numbers(std::span(pages).first(80)));
  const PoolCounters after = pool->counters();
  EXPECT_EQ(after.refill, before.refill + 2);  // 64 and 16
  EXPECT_EQ(after.fast, before.fast + 78);
  EXPECT_EQ(after.in_cache, 0u);
  pool->recycle(again);
  pool->recycle(std::span(pages).last(20));
  expect_balanced(*pool);
}

// ---- the lane ----

TEST(PagePool, TheLaneIsHandedOutBeforeTheRingAndInItsOrder) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const auto pages = take(*pool, 64);
  on_another_thread([&] { drop(pages[0]); });
  for (std::size_t i = 1; i < 4; ++i) pool->recycle_to_ring(pages[i]);
  EXPECT_EQ(pool->counters().in_ring, 4u);
  EXPECT_EQ(pool->counters().ring, 4u);
  const PoolCounters before = pool->counters();
  const auto again = take(*pool, 4);
  EXPECT_EQ(numbers(again), (std::vector<std::uint32_t>{1, 2, 3, 0}));
  EXPECT_EQ(pool->counters().refill, before.refill + 2);
  EXPECT_EQ(pool->counters().empty, before.empty);
  drop(again);
  drop(std::span(pages).subspan(4));
  expect_balanced(*pool);
}

TEST(PagePool, AFullLaneMovesIntoTheRingAndWhatFindsNoRoomToTheProvider) {
  const auto provider = TestProvider::create(64);
  const auto pool = PagePool::create(provider, {.ring_size = 16}).value();
  const auto pages = take(*pool, 64);
  for (std::size_t i = 0; i < 40; ++i) pool->recycle_to_ring(pages[i]);
  const PoolCounters c = pool->counters();
  EXPECT_EQ(c.ring, 24u);  // 16 in the ring, 8 in its lane
  EXPECT_EQ(c.in_ring, 24u);
  EXPECT_EQ(c.ring_full, 16u);
  EXPECT_EQ(c.release, 16u);
  EXPECT_EQ(provider->free_pages(), 16u);
  const auto again = take(*pool, 24);
  EXPECT_EQ(pool->counters().in_ring, 0u);
  drop(again);
  drop(std::span(pages).subspan(40));
  expect_balanced(*pool);
}

TEST(PagePool, PagesOfAnotherNodeAreWaivedOnTheirWayOutOfTheLane) {
  const auto provider = TestProvider::create({{.pages = 32, .numa_node = 0}, {.pages = 32, .numa_node = 1}});
  const auto pool = PagePool::create(provider).value();
  const auto pages = take(*pool, 64);
  for (const Netmem page : pages) pool->recycle_to_ring(page);
  pool->set_numa_node(1);
  const auto again = take(*pool, 32);
  EXPECT_EQ(pool->counters().waive, 32u);
  for (const Netmem page : again) EXPECT_EQ(page.region().numa_node(), 1);
  EXPECT_EQ(provider->free_pages(), 32u);
  drop(again);
  expect_balanced(*pool);
}

TEST(PagePool, PagesInTheLaneAreReturnedWhenThePoolEnds) {
  const auto provider = TestProvider::create(64);
  auto pool = PagePool::create(provider).value();
  for (const Netmem page : take(*pool, 40)) pool->recycle_to_ring(page);
  pool.reset();
  EXPECT_EQ(provider->free_pages(), 64u);
}

TEST(PagePoolDeathTest, APageSentToTheRingTwiceByItsConsumerIsNamedAtOnce) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const Netmem page = pool->try_alloc();
  EXPECT_DEATH(
      {
        pool->recycle_to_ring(page);
        pool->recycle_to_ring(page);
      },
      "page 0 .*dropped twice");
  drop(page);
}

TEST(PagePool, APoolWhoseConsumerReleasedPagesEndsWithTheOthers) {
  const auto provider = TestProvider::create(64);
  auto pool = PagePool::create(provider).value();
  const auto pages = take(*pool, 3);
  pool->release(pages[0]);
  EXPECT_EQ(pool->counters().release, 1u);
  pool.reset();
  EXPECT_EQ(provider.use_count(), 2);  // the pool lives on for the two that are out
  drop(pages[1]);
  drop(pages[2]);
  EXPECT_EQ(provider.use_count(), 1);
  EXPECT_EQ(provider->free_pages(), 64u);
}

}  // namespace
}  // namespace netmem
