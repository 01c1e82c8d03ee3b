#include "netmem/pool/registry.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/support/test_provider.h"

namespace netmem {
namespace {

TEST(PoolRegistry, ListsPoolsWhileTheyLive) {
  const auto registry = PoolRegistry::create();
  {
    const auto a = PagePool::create(TestProvider::create(), {.name = "a", .registry = registry}).value();
    const auto b = PagePool::create(TestProvider::create(), {.name = "b", .registry = registry}).value();
    const auto list = registry->list();
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].name, "a");
    EXPECT_EQ(list[1].name, "b");
    EXPECT_FALSE(list[0].detached);
    EXPECT_EQ(list[0].page_size, 4096u);
    EXPECT_EQ(list[0].provider, "test: 256 pages");
  }
  EXPECT_TRUE(registry->list().empty());
}

TEST(PoolRegistry, ADetachedPoolStaysListedUntilItsLastPageIsHome) {
  const auto registry = PoolRegistry::create();
  auto pool = PagePool::create(TestProvider::create(), {.name = "rx", .registry = registry}).value();
  const Netmem page = pool->try_alloc();
  pool.reset();
  const auto list = registry->list();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_TRUE(list[0].detached);
  EXPECT_EQ(list[0].counters.inflight(), 1);
  EXPECT_EQ(list[0].counters.fast, 0u);
  EXPECT_GT(list[0].age.count(), 0);
  drop(page);
  EXPECT_TRUE(registry->list().empty());
}

TEST(PoolRegistry, AStalledPoolIsReportedAgainAndAgain) {
  std::promise<PoolInfo> second;
  std::atomic<int> calls = 0;
  const auto registry =
      PoolRegistry::create({.stall_after = std::chrono::milliseconds(5), .on_stall = [&](const PoolInfo& info) {
                              if (++calls == 2) second.set_value(info);
                            }});
  auto pool = PagePool::create(TestProvider::create(), {.name = "rx", .registry = registry}).value();
  const Netmem page = pool->try_alloc();
  pool.reset();
  const PoolInfo info = second.get_future().get();
  EXPECT_EQ(info.name, "rx");
  EXPECT_TRUE(info.detached);
  EXPECT_EQ(info.counters.inflight(), 1);
  drop(page);
}

TEST(PoolRegistry, TheCallbackItselfMayDropTheLastPageOfTheLastPool) {
  std::promise<void> dropped;
  Netmem page;
  {
    auto pool = PagePool::create(TestProvider::create(),
                                 {.registry = PoolRegistry::create({.stall_after = std::chrono::milliseconds(5),
                                                                    .on_stall =
                                                                        [&](const PoolInfo&) {
                                                                          drop(page);
                                                                          dropped.set_value();
                                                                        }})})
                    .value();
    page = pool->try_alloc();
  }
  dropped.get_future().wait();
}

TEST(PoolRegistryStress, CountersCanBeReadWhileThePoolRuns) {
  const auto registry = PoolRegistry::create();
  const auto pool = PagePool::create(TestProvider::create(), {.registry = registry}).value();
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    PoolCounters before;
    while (!stop) {
      const PoolCounters now = registry->list().front().counters;
      ASSERT_GE(now.cached, before.cached);
      ASSERT_LE(now.in_cache, kCacheSize);
      before = now;
    }
  });
  std::vector<Netmem> pages(200);
  for (std::size_t round = 0; round < 2000; ++round) {
    const std::size_t count = pool->try_alloc(std::span(pages).first(1 + round % 200));
    drop(std::span<const Netmem>(pages).first(count));
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace netmem
