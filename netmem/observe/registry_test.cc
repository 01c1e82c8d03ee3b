#include "netmem/observe/registry.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/support/test_provider.h"

namespace netmem {
namespace {

TEST(PoolRegistry, ListsPoolsWhileTheyLive) {
  const auto registry = PoolRegistry::create().value();
  {
    const auto a = PagePool::create(TestProvider::create(), {.name = "a", .observer = registry.observer()}).value();
    const auto b = PagePool::create(TestProvider::create(), {.name = "b", .observer = registry.observer()}).value();
    const auto list = registry.list();
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].name, "a");
    EXPECT_EQ(list[1].name, "b");
    EXPECT_FALSE(list[0].detached);
    EXPECT_EQ(list[0].page_size, 4096u);
    EXPECT_EQ(list[0].provider, "test: 256 pages");
  }
  EXPECT_TRUE(registry.list().empty());
}

TEST(PoolRegistry, ADetachedPoolStaysListedUntilItsLastPageIsHome) {
  const auto registry = PoolRegistry::create().value();
  auto pool = PagePool::create(TestProvider::create(), {.name = "rx", .observer = registry.observer()}).value();
  const Netmem page = pool->try_alloc();
  pool.reset();
  const auto list = registry.list();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_TRUE(list[0].detached);
  EXPECT_EQ(list[0].counters.inflight(), 1);
  EXPECT_EQ(list[0].counters.fast, 0u);
  EXPECT_GT(list[0].age.count(), 0);
  drop(page);
  EXPECT_TRUE(registry.list().empty());
}

TEST(PoolRegistry, AStalledPoolIsReportedAgainAndAgain) {
  std::promise<PoolInfo> second;
  std::atomic<int> calls = 0;
  const auto registry = PoolRegistry::create({.stall_after = std::chrono::milliseconds(5),
                                              .on_stall =
                                                  [&](const PoolInfo& info) {
                                                    if (++calls == 2) second.set_value(info);
                                                  }})
                            .value();
  auto pool = PagePool::create(TestProvider::create(), {.name = "rx", .observer = registry.observer()}).value();
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
    const auto registry = PoolRegistry::create({.stall_after = std::chrono::milliseconds(5),
                                                .on_stall =
                                                    [&](const PoolInfo&) {
                                                      drop(page);
                                                      dropped.set_value();
                                                    }})
                              .value();
    page = PagePool::create(TestProvider::create(), {.observer = registry.observer()}).value()->try_alloc();
  }
  dropped.get_future().wait();
}

// A callback that waits for what the dropping thread does next: the last drop must not wait for it in turn.
TEST(PoolRegistry, TheLastDropWaitsForNoCallback) {
  std::promise<void> called;
  std::promise<void> dropped;
  std::promise<void> returned;
  Netmem page;
  {
    const auto registry = PoolRegistry::create({.stall_after = std::chrono::milliseconds(1),
                                                .on_stall =
                                                    [&](const PoolInfo&) {
                                                      called.set_value();
                                                      dropped.get_future().wait();
                                                      returned.set_value();
                                                    }})
                              .value();
    page = PagePool::create(TestProvider::create(), {.observer = registry.observer()}).value()->try_alloc();
  }
  called.get_future().wait();
  drop(page);
  dropped.set_value();
  returned.get_future().wait();
}

TEST(PoolRegistry, WithoutPoolsItsEndWaitsForTheCallback) {
  std::promise<void> called;
  std::atomic<bool> returned = false;
  {
    const auto registry = PoolRegistry::create({.stall_after = std::chrono::milliseconds(1),
                                                .on_stall =
                                                    [&](const PoolInfo&) {
                                                      called.set_value();
                                                      std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                                      returned = true;
                                                    }})
                              .value();
    const Netmem page =
        PagePool::create(TestProvider::create(), {.observer = registry.observer()}).value()->try_alloc();
    called.get_future().wait();
    drop(page);
  }
  EXPECT_TRUE(returned);
}

// Makes new threads impossible while it lives: no address space holds their stacks.
class NoThreads {
 public:
  NoThreads() {
    pthread_attr_t attributes;
    ::pthread_getattr_default_np(&attributes);
    ::pthread_attr_getstacksize(&attributes, &before_);
    set(std::size_t{1} << 46);
  }
  ~NoThreads() { set(before_); }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  static void set(std::size_t size) {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, size);
    ::pthread_setattr_default_np(&attributes);
  }
  std::size_t before_ = 0;
};

TEST(PoolRegistry, WithoutThreadsItIsRefusedAndPoolsEndAllTheSame) {
  const auto registry = PoolRegistry::create({.stall_after = std::chrono::hours(1), .on_stall = [](auto&) {}}).value();
  const NoThreads none;
  const auto refused = PoolRegistry::create({.on_stall = [](const PoolInfo&) {}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("cannot start the thread that watches for stalled pools"), std::string::npos)
      << refused.error().message();
  EXPECT_TRUE(PoolRegistry::create()) << "without a callback there is nothing to watch for";

  auto pool = PagePool::create(TestProvider::create(), {.observer = registry.observer()}).value();
  const Netmem page = pool->try_alloc();
  pool.reset();
  EXPECT_EQ(registry.list().size(), 1u);
  drop(page);
  EXPECT_TRUE(registry.list().empty());
}

TEST(PoolRegistryStress, CountersCanBeReadWhileThePoolRuns) {
  const auto registry = PoolRegistry::create().value();
  const auto pool = PagePool::create(TestProvider::create(), {.observer = registry.observer()}).value();
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    PoolCounters before;
    while (!stop) {
      const PoolCounters now = registry.list().front().counters;
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
