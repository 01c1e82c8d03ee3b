#include "netmem/pool/page_pool.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "netmem/base/units.h"
#include "netmem/core/page.h"
#include "netmem/providers/host/host.h"
#include "tests/support/pool_checks.h"
#include "tests/support/test_provider.h"

namespace netmem {
namespace {

// ---- allocation ----

TEST(PagePool, TheFirstAllocationBringsSixtyFourPagesFromTheProvider) {
  const auto provider = TestProvider::create();
  const auto pool = PagePool::create(provider).value();
  drop(pool->try_alloc());
  const PoolCounters c = pool->counters();
  EXPECT_EQ(c.hold, 64u);
  EXPECT_EQ(c.slow, 1u);
  EXPECT_EQ(c.empty, 1u);
  EXPECT_EQ(c.fast, 0u);
  EXPECT_EQ(c.cached, 1u);
  EXPECT_EQ(c.in_cache, 64u);
  expect_balanced(*pool);
}

TEST(PagePool, PagesAreHandedOutInTheOrderOfTheGrant) {
  const auto provider = TestProvider::create();
  const auto pool = PagePool::create(provider).value();
  const auto pages = take(*pool, 130);
  for (std::uint32_t i = 0; i < 130; ++i) EXPECT_EQ(pages[i].index(), i);
  drop(pages);
}

TEST(PagePool, TheLastPageDroppedIsTheNextOneAllocated) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  const auto pages = take(*pool, 3);
  drop(pages);
  const Netmem next = pool->try_alloc();
  EXPECT_EQ(&next.descriptor(), &pages[2].descriptor());
  drop(next);
}

TEST(PagePool, PagesAreTakenInTheOppositeOrderOfTheirRecycling) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  auto pages = take(*pool, 60);
  for (const Netmem page : pages) drop(page);
  for (std::size_t i = 0; i < 30; ++i) {
    const Netmem page = pool->try_alloc();
    EXPECT_EQ(&page.descriptor(), &pages[59 - i].descriptor());
    pages[59 - i] = page;
  }
  const auto rest = take(*pool, 30);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(&rest[i].descriptor(), &pages[29 - i].descriptor());
  drop(rest);
  drop(std::span(pages).last(30));
  expect_balanced(*pool);
}

TEST(PagePool, APoolWithAPageOnTopEndsWithEveryPageAtTheProvider) {
  const auto provider = TestProvider::create(64);
  auto pool = PagePool::create(provider).value();
  for (const Netmem page : take(*pool, 2)) drop(page);  // the second where the first one's handle was
  pool.reset();
  EXPECT_EQ(provider->free_pages(), 64u);
  std::set<std::uint32_t> different;
  for (const Netmem page : provider->reclaimed) different.insert(page.index());
  EXPECT_EQ(different.size(), 64u);
}

TEST(PagePool, AnExhaustedProviderGivesEmptyHandlesUntilPagesComeHome) {
  const auto provider = TestProvider::create(100);
  const auto pool = PagePool::create(provider).value();
  const auto pages = take(*pool, 200);
  EXPECT_EQ(pages.size(), 100u);
  EXPECT_FALSE(pool->try_alloc());
  EXPECT_EQ(pool->counters().failed, 2u);
  drop(pages.back());
  const Netmem again = pool->try_alloc();
  EXPECT_TRUE(again);
  drop(again);
  drop(std::span(pages).first(99));
  expect_balanced(*pool);
}

TEST(PagePool, LargePagesAreCountedApartAndNotHoarded) {
  const auto provider = make_host_provider({.size = 8 << 20, .page_size = 2 << 20}).value();
  const auto pool = PagePool::create(provider).value();
  const Netmem page = pool->try_alloc();
  EXPECT_EQ(pool->counters().slow_high_order, 1u);
  EXPECT_EQ(pool->counters().slow, 0u);
  EXPECT_EQ(pool->counters().fast, 0u);
  EXPECT_EQ(pool->counters().hold, 1u);
  EXPECT_EQ(Page(page).size(), 2u << 20);
  drop(page);
}

TEST(PagePool, HandedOutIsTheSumOfItsFourCounters) {
  const auto pool = PagePool::create(TestProvider::create(300), {.ring_size = 64}).value();
  std::size_t handed_out = 0;
  for (const std::size_t count : {1u, 7u, 64u, 200u, 300u, 128u, 129u}) {
    const auto pages = take(*pool, count);
    handed_out += pages.size();
    drop(pages);
  }
  const PoolCounters c = pool->counters();
  EXPECT_EQ(c.fast + c.refill + c.slow + c.slow_high_order, handed_out);
  EXPECT_EQ(c.cached + c.ring + c.ring_full, handed_out);
  EXPECT_EQ(c.cache_full, c.ring + c.ring_full);
  EXPECT_EQ(c.inflight(), 0);
  expect_balanced(*pool);
}

// ---- recycling ----

TEST(PagePool, TheConsumerRecyclesIntoTheCacheAndThenTheRing) {
  const auto pool = PagePool::create(TestProvider::create(200)).value();
  const auto pages = take(*pool, 200);
  for (const Netmem page : pages) pool->recycle(page);
  const PoolCounters c = pool->counters();
  EXPECT_EQ(c.cached, 128u);
  EXPECT_EQ(c.cache_full, 72u);
  EXPECT_EQ(c.ring, 72u);
  EXPECT_EQ(c.in_ring, 72u);
  EXPECT_EQ(c.ring_full, 0u);
  expect_balanced(*pool);
}

TEST(PagePool, AnotherThreadRecyclesIntoTheRingAndTheCacheRefillsFromIt) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const auto pages = take(*pool, 64);
  on_another_thread([&] { drop(pages); });
  EXPECT_EQ(pool->counters().ring, 64u);
  EXPECT_EQ(pool->counters().cached, 0u);
  const auto again = take(*pool, 64);
  EXPECT_EQ(again.size(), 64u);
  EXPECT_EQ(pool->counters().refill, 1u);
  drop(again);
  expect_balanced(*pool);
}

TEST(PagePool, PagesForWhichTheRingHasNoRoomGoBackToTheProvider) {
  const auto provider = TestProvider::create(64);
  const auto pool = PagePool::create(provider, {.ring_size = 16}).value();
  const auto pages = take(*pool, 64);
  on_another_thread([&] { drop(pages); });
  const PoolCounters c = pool->counters();
  EXPECT_EQ(c.ring, 16u);
  EXPECT_EQ(c.ring_full, 48u);
  EXPECT_EQ(c.release, 48u);
  EXPECT_EQ(provider->free_pages(), 48u);
  expect_balanced(*pool);
}

TEST(PagePool, LastDropFromAnotherThreadGoesHome) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  const Netmem page = pool->try_alloc();
  retain(page);
  drop(page);
  on_another_thread([&] { drop(page); });
  EXPECT_EQ(pool->counters().ring, 1u);
  EXPECT_EQ(pool->counters().inflight(), 0);
}

TEST(PagePool, ABulkFromAnotherThreadMayMixPools) {
  const auto a = PagePool::create(TestProvider::create(), {.name = "a"}).value();
  const auto b = PagePool::create(TestProvider::create(), {.name = "b"}).value();
  std::vector<Netmem> pages;
  for (int i = 0; i < 100; ++i) pages.push_back((i % 2 == 0 ? a : b)->try_alloc());
  on_another_thread([&] { drop(pages); });
  EXPECT_EQ(a->counters().ring, 50u);
  EXPECT_EQ(b->counters().ring, 50u);
}

TEST(PagePool, APageRecycledWhileSharedLeavesThePoolAndItsLastHolderReturnsIt) {
  const auto provider = TestProvider::create(64);
  const auto pool = PagePool::create(provider).value();
  const Netmem page = pool->try_alloc();
  retain(page);
  pool->recycle(page);
  EXPECT_EQ(pool->counters().released_refcnt, 1u);
  EXPECT_EQ(pool->counters().inflight(), 0);
  EXPECT_EQ(provider->free_pages(), 0u);
  on_another_thread([&] { drop(page); });
  EXPECT_EQ(provider->free_pages(), 1u);
  expect_balanced(*pool);
}

TEST(PagePool, TransientPagesGoBackToTheProvider) {
  const auto provider = TestProvider::create({TestProvider::RegionOptions{.pages = 8, .transient = true}});
  const auto pool = PagePool::create(provider).value();
  auto pages = take(*pool, 4);
  drop(pages[0]);
  pool->recycle(pages[1]);
  on_another_thread([&] { drop(pages[2]); });
  retain(pages[3]);
  drop(pages[3]);
  EXPECT_EQ(provider->reclaimed.size(), 3u);
  drop(pages[3]);
  EXPECT_EQ(provider->reclaimed.size(), 4u);
  EXPECT_EQ(pool->counters().cached, 0u);
  expect_balanced(*pool);
}

TEST(PagePool, ADisconnectedPageOutlivesItsPoolAndKeepsItsProvider) {
  auto provider = TestProvider::create(64);
  const std::weak_ptr<TestProvider> watch = provider;
  auto pool = PagePool::create(provider).value();
  Netmem page = pool->try_alloc();
  pool->disconnect(page);
  EXPECT_EQ(pool->counters().inflight(), 0);
  expect_balanced(*pool);
  pool.reset();
  provider.reset();
  ASSERT_FALSE(watch.expired());
  std::ranges::fill(Page(page).bytes(), std::byte{7});
  drop(page);
  EXPECT_TRUE(watch.expired());
}

TEST(PagePool, ADisconnectedPageThatIsRecycledGoesToItsProvider) {
  const auto provider = TestProvider::create(64);
  const auto pool = PagePool::create(provider).value();
  const Netmem page = pool->try_alloc();
  pool->disconnect(page);
  pool->recycle(page);
  EXPECT_EQ(provider->free_pages(), 1u);
  EXPECT_EQ(pool->counters().cached, 0u);
  expect_balanced(*pool);
}

TEST(PagePool, RecyclingAFragmentDropsItAlone) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const Fragment first = pool->try_alloc_fragment(1000);
  const Fragment second = pool->try_alloc_fragment(1000);
  pool->recycle(first.netmem);
  EXPECT_EQ(pool->counters().inflight(), 1);
  drop(second.netmem);
  pool->flush_fragments();
  EXPECT_EQ(pool->counters().inflight(), 0);
  EXPECT_EQ(pool->counters().released_refcnt, 0u);
  expect_balanced(*pool);
}

TEST(PagePool, ReleaseReturnsAPageStraightToTheProvider) {
  const auto provider = TestProvider::create(64);
  const auto pool = PagePool::create(provider).value();
  pool->release(pool->try_alloc());
  EXPECT_EQ(provider->free_pages(), 1u);
  EXPECT_EQ(pool->counters().release, 1u);
  expect_balanced(*pool);
}

TEST(PagePool, TheConsumerCanBeAnotherThread) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  const Netmem mine = pool->try_alloc();
  on_another_thread([&] {
    pool->set_consumer();
    drop(mine);
    EXPECT_EQ(pool->counters().cached, 1u);
  });
  pool->set_consumer();
  drop(pool->try_alloc());
  expect_balanced(*pool);
}

// ---- fragments ----

TEST(PagePool, FragmentsShareAPageAndThenMoveOn) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  std::vector<Fragment> fragments;
  for (int i = 0; i < 5; ++i) fragments.push_back(pool->try_alloc_fragment(2000));
  EXPECT_EQ(fragments[0].offset, 0u);
  EXPECT_EQ(fragments[1].offset, 2048u);  // the next multiple of 64
  EXPECT_EQ(fragments[0].netmem, fragments[1].netmem);
  EXPECT_NE(fragments[1].netmem, fragments[2].netmem);
  for (const Fragment& fragment : fragments) drop(fragment.netmem);
  pool->flush_fragments();
  EXPECT_EQ(pool->counters().fragments, 5u);
  EXPECT_EQ(pool->counters().inflight(), 0);
  expect_balanced(*pool);
}

TEST(PagePool, APageWhoseFragmentsAreAllHomeIsCutAgain) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  Netmem first;
  for (int i = 0; i < 100; ++i) {
    const Fragment fragment = pool->try_alloc_fragment(1024);
    if (i == 0) first = fragment.netmem;
    EXPECT_EQ(fragment.netmem, first);
    pool->recycle_fragment(fragment.netmem);
  }
  pool->flush_fragments();
  EXPECT_EQ(pool->counters().inflight(), 0);
}

// More of them than references were once set aside for a page.
TEST(PagePool, FragmentsOfALargePageAreAllCounted) {
  constexpr std::size_t kPage = 128 * MiB, kFragments = kPage / PagePool::kFragmentAlignment;
  const auto pool = PagePool::create(make_host_provider({.size = kPage, .page_size = kPage}).value()).value();
  Fragment last;
  for (std::size_t i = 0; i < kFragments; ++i) last = pool->try_alloc_fragment(64);
  EXPECT_EQ(last.offset, kPage - 64);
  EXPECT_FALSE(pool->try_alloc_fragment(1).netmem) << "there is no other page";
  expect_balanced(*pool);
  for (std::size_t i = 0; i + 1 < kFragments; ++i) drop(last.netmem);
  EXPECT_TRUE(last.netmem.current());
  EXPECT_FALSE(pool->try_alloc()) << "one is still out";
  drop(last.netmem);
  drop(pool->try_alloc_fragment(static_cast<std::uint32_t>(kPage)).netmem);
  pool->flush_fragments();
  expect_balanced(*pool);
}

TEST(PagePool, PagesOfMoreThanTwoMebibytesAreTakenSingly) {
  const auto provider = make_host_provider({.size = 2 * GiB, .page_size = GiB}).value();
  const auto pool = PagePool::create(provider).value();
  const Netmem first = pool->try_alloc();
  ASSERT_TRUE(first);
  EXPECT_EQ(pool->page_size(), GiB);
  EXPECT_EQ(pool->counters().hold, 1u);
  EXPECT_EQ(provider->free_pages(), 1u);
  const View view(Ref(first), GiB - 10, 10);
  EXPECT_EQ(view.bytes().data() - Page(first).address(), static_cast<std::ptrdiff_t>(GiB - 10));
  expect_balanced(*pool);
}

TEST(PagePool, FragmentsMayBeDroppedAnywhereInAnyOrder) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  std::vector<Netmem> fragments;
  for (int i = 0; i < 64; ++i) fragments.push_back(pool->try_alloc_fragment(256).netmem);
  on_another_thread([&] { drop(std::span(fragments).subspan(10, 40)); });
  for (std::size_t i = 0; i < 10; ++i) pool->recycle_fragment(fragments[i]);
  pool->flush_fragments();
  drop(std::span(fragments).subspan(50));
  EXPECT_EQ(pool->counters().inflight(), 0);
  expect_balanced(*pool);
}

TEST(PagePool, AFragmentThatFitsNoPageIsRefused) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  EXPECT_FALSE(pool->try_alloc_fragment(0));
  EXPECT_FALSE(pool->try_alloc_fragment(4097));
  const Fragment whole = pool->try_alloc_fragment(4096);
  EXPECT_EQ(whole.offset, 0u);
  drop(whole.netmem);
}

// ---- NUMA and DMA ----

TEST(PagePool, PagesOfAnotherNodeAreWaivedOnTheirWayThroughTheRing) {
  const auto provider = TestProvider::create({{.pages = 32, .numa_node = 0}, {.pages = 32, .numa_node = 1}});
  const auto pool = PagePool::create(provider, {.numa_node = 0}).value();
  auto pages = take(*pool, 64);
  on_another_thread([&] { drop(pages); });
  pages = take(*pool, 32);
  EXPECT_EQ(pool->counters().waive, 32u);
  EXPECT_EQ(provider->free_pages(), 32u);
  for (const Netmem page : pages) EXPECT_EQ(page.region().numa_node(), 0);

  pool->set_numa_node(-1);
  const auto others = take(*pool, 32);
  on_another_thread([&] { drop(others); });
  const auto again = take(*pool, 32);
  EXPECT_EQ(again.size(), 32u);
  EXPECT_EQ(pool->counters().waive, 32u);
  drop(again);
  drop(pages);
}

class RecordingDevice final : public DmaDevice {
 public:
  static constexpr std::uint64_t kBase = 0x1'0000'0000;
  Result<std::uint64_t> map(const Region&) override { return kBase; }
  void unmap(const Region&, std::uint64_t) noexcept override { ++unmapped; }
  void sync_for_device(std::uint64_t address, std::size_t size) noexcept override { syncs.push_back({address, size}); }
  void sync_for_cpu(std::uint64_t address, std::size_t size) noexcept override { cpu_syncs.push_back({address, size}); }

  struct Sync {
    std::uint64_t address;
    std::size_t size;
    bool operator==(const Sync&) const = default;
  };
  std::vector<Sync> syncs;
  std::vector<Sync> cpu_syncs;
  int unmapped = 0;
};

TEST(PagePool, RecyclingSyncsWhatWasTouchedWithinOffsetAndMaxLen) {
  const auto device = std::make_shared<RecordingDevice>();
  const auto provider = TestProvider::create({TestProvider::RegionOptions{.pages = 1, .dma = device}});
  const auto pool = PagePool::create(provider, {.dma_sync = true, .dma_offset = 256, .dma_max_len = 2048}).value();
  using Sync = RecordingDevice::Sync;
  constexpr std::uint64_t kFrom = RecordingDevice::kBase + 256;

  Netmem page = pool->try_alloc();
  EXPECT_EQ(page.dma_address(), RecordingDevice::kBase);
  pool->recycle(page, 100);
  page = pool->try_alloc();
  pool->recycle(page, 4096);
  page = pool->try_alloc();
  drop(page);
  page = pool->try_alloc();
  on_another_thread([&] { drop(page); });
  EXPECT_EQ(device->syncs,
            (std::vector<Sync>{{kFrom, 2048}, {kFrom, 100}, {kFrom, 2048}, {kFrom, 2048}, {kFrom, 2048}}));
  page = pool->try_alloc();
  retain(page);
  drop(page);
  drop(page);
  EXPECT_EQ(device->syncs.size(), 6u);
  pool->sync_for_cpu(page, 10, 20);
  EXPECT_EQ(device->cpu_syncs, (std::vector<Sync>{{kFrom + 10, 20}}));
  expect_balanced(*pool);
}

TEST(PagePool, OptionsThatMakeNoSenseAreRefusedByName) {
  const auto provider = TestProvider::create();
  const auto message = [&](PoolOptions options) {
    auto pool = PagePool::create(provider, std::move(options));
    return pool ? std::string() : pool.error().message();
  };
  EXPECT_NE(message({.name = "rx", .ring_size = 0}).find("cannot create page pool rx: option ring_size is 0"),
            std::string::npos);
  EXPECT_NE(message({.dma_sync = true, .dma_max_len = 64}).find("registered with a DMA device"), std::string::npos);
  EXPECT_FALSE(PagePool::create(nullptr));
}

// ---- the end of a pool ----

TEST(PagePool, APoolDestroyedWithPagesInFlightEndsWithTheLastOfThem) {
  auto provider = TestProvider::create(256);
  const std::weak_ptr<TestProvider> watch = provider;
  auto pool = PagePool::create(std::move(provider)).value();
  auto pages = take(*pool, 150);
  pool.reset();
  ASSERT_FALSE(watch.expired());
  EXPECT_EQ(watch.lock()->free_pages(), 256u - 150u);
  drop(std::span(pages).first(100));
  on_another_thread([&] { drop(std::span(pages).subspan(100, 49)); });
  EXPECT_EQ(watch.lock()->free_pages(), 255u);
  drop(pages.back());
  EXPECT_TRUE(watch.expired());
}

TEST(PagePool, DropsAfterThePoolAndItsThreadAreGoneStillBalance) {
  const auto provider = TestProvider::create(64);
  std::vector<Netmem> pages;
  on_another_thread([&] {
    const auto pool = PagePool::create(provider).value();
    pages = take(*pool, 40);
    const Fragment fragment = pool->try_alloc_fragment(512);
    pages.push_back(fragment.netmem);
    retain(pages[0]);
    pages.push_back(pages[0]);
  });
  EXPECT_EQ(provider->free_pages(), 64u - 41u);
  drop(pages);
  EXPECT_EQ(provider->free_pages(), 64u);
}

TEST(PagePool, PagesInTheRingAreReturnedWhenThePoolEnds) {
  const auto provider = TestProvider::create(64);
  auto pool = PagePool::create(provider).value();
  const auto pages = take(*pool, 64);
  on_another_thread([&] { drop(pages); });
  pool.reset();
  EXPECT_EQ(provider->free_pages(), 64u);
}

// ---- misuse ----

TEST(PagePoolDeathTest, APageDroppedTwiceOnAnotherThreadStopsTheProgramAtTheRefill) {
  const auto pool = PagePool::create(TestProvider::create(64), {.name = "rx0"}).value();
  const auto pages = take(*pool, 64);
  EXPECT_DEATH(
      {
        on_another_thread([&] { drop(pages[3]); });
        on_another_thread([&] { drop(pages[3]); });
        static_cast<void>(take(*pool, 2));
      },
      "page 3 of region test, pool rx0: dropped twice, or after it went home");
  drop(pages);
}

TEST(PagePoolDeathTest, AllocatingOnTheWrongThreadStopsTheProgram) {
  const auto pool = PagePool::create(TestProvider::create(64), {.name = "rx0"}).value();
  drop(pool->try_alloc());
  EXPECT_DEATH(on_another_thread([&] { static_cast<void>(take(*pool, 65)); }), "pool rx0: allocation on a thread");
}

TEST(PagePoolDeathTest, TooManyDropsOfFragmentsAreFoundWhenThePageIsGivenUp) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const Fragment fragment = pool->try_alloc_fragment(64);
  drop(fragment.netmem);
  drop(fragment.netmem);
  EXPECT_DEATH(pool->flush_fragments(), "more fragments dropped than handed out");
  retain(fragment.netmem);
}

TEST(PagePoolDeathTest, DisconnectingTwiceIsNamed) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const Netmem page = pool->try_alloc();
  pool->disconnect(page);
  EXPECT_DEATH(pool->disconnect(page), "disconnected twice");
  drop(page);
}

#ifdef NETMEM_ASAN
TEST(PagePoolDeathTest, AStrayWriteToAPageAtRestIsCaughtWhereItHappens) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const Netmem page = pool->try_alloc();
  volatile std::byte* bytes = Page(page).address();
  bytes[0] = std::byte{1};
  drop(page);
  EXPECT_DEATH(bytes[17] = std::byte{1}, "use-after-poison");
}
#endif

}  // namespace
}  // namespace netmem
