// A consumer and several droppers at once. Every page has a count of its own, kept by the test: nobody may be given a
// page that somebody else still holds.

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "netmem/observe/registry.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/tcp/port.h"
#include "netmem/providers/host/huge_split.h"
#include "tests/support/channel.h"
#include "tests/support/test_provider.h"

namespace netmem {
namespace {

constexpr std::uint32_t kPages = 512;

// Pages on their way from the consumer to the droppers.
using Pages = Channel<std::vector<Netmem>>;

// How many references the test holds of each page.
class Ownership {
 public:
  void allocated(Netmem page) {
    const int before = held_.at(page.index()).exchange(1);
    ASSERT_EQ(before, 0) << "page " << page.index() << " was handed out while it was held";
    Page(page).address()[0] = static_cast<std::byte>(page.index());
  }
  void retained(Netmem page) { held_.at(page.index()).fetch_add(1); }
  // Before the drop: afterwards the page may be somebody else's.
  void dropping(Netmem page) {
    ASSERT_EQ(Page(page).address()[0], static_cast<std::byte>(page.index()));
    ASSERT_GT(held_.at(page.index()).fetch_sub(1), 0);
  }

 private:
  std::array<std::atomic<int>, kPages> held_{};
};

void drop_all(Pages& channel, Ownership& ownership, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Netmem> pages;
  while (channel.receive(pages)) {
    for (const Netmem page : pages) ownership.dropping(page);
    if (random() % 2 == 0) {
      drop(pages);
    } else {
      for (const Netmem page : pages) drop(page);
    }
  }
}

// One round of the consumer: some pages, some of them shared with itself, most of them sent away.
void allocate_some(PagePool& pool, Pages& channel, Ownership& ownership, std::mt19937& random) {
  std::vector<Netmem> pages(1 + random() % 90);
  pages.resize(pool.try_alloc(pages));
  for (const Netmem page : pages) ownership.allocated(page);
  std::vector<Netmem> kept;
  for (const Netmem page : pages) {
    if (random() % 4 != 0) continue;
    retain(page);
    ownership.retained(page);
    kept.push_back(page);
  }
  if (random() % 8 == 0) {
    kept.insert(kept.end(), pages.begin(), pages.end());
  } else if (!pages.empty()) {
    channel.send(std::move(pages));
  } else {
    std::this_thread::yield();
  }
  for (const Netmem page : kept) ownership.dropping(page);
  drop(kept);
}

TEST(PagePoolStress, NoPageHasTwoHoldersAndNoneIsLost) {
  const auto provider = TestProvider::create(kPages);
  const auto pool = PagePool::create(provider, {.ring_size = 128}).value();
  Pages channel;
  Ownership ownership;
  std::vector<std::thread> droppers;
  for (std::uint32_t i = 0; i < 3; ++i) droppers.emplace_back([&, i] { drop_all(channel, ownership, i); });
  std::mt19937 random(7);
  for (int round = 0; round < 6000; ++round) allocate_some(*pool, channel, ownership, random);
  channel.close();
  for (auto& dropper : droppers) dropper.join();
  EXPECT_EQ(pool->counters().inflight(), 0);
  EXPECT_GT(pool->counters().ring, 0u);
  const auto books = pool->audit();
  EXPECT_TRUE(books) << books.error().message();
}

TEST(PagePoolStress, PoolsEndWhileTheirPagesAreBeingDropped) {
  const auto provider = TestProvider::create(kPages);
  const auto registry = PoolRegistry::create().value();
  Pages channel;
  Ownership ownership;
  std::vector<std::thread> droppers;
  for (std::uint32_t i = 0; i < 2; ++i) droppers.emplace_back([&, i] { drop_all(channel, ownership, i); });
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    const auto pool = PagePool::create(provider, {.ring_size = 64, .observer = registry.observer()}).value();
    for (int i = 0; i < 3; ++i) allocate_some(*pool, channel, ownership, random);
  }
  channel.close();
  for (auto& dropper : droppers) dropper.join();
  EXPECT_EQ(provider->free_pages(), kPages);
  EXPECT_TRUE(registry.list().empty());
}

// Drops a page as soon as it is told to, as closely at the same time as another one as can be had.
class Dropper {
 public:
  explicit Dropper(int rounds) : thread_([this, rounds] { run(rounds); }) {}
  ~Dropper() { thread_.join(); }
  Dropper(const Dropper&) = delete;
  Dropper& operator=(const Dropper&) = delete;

  void drop_in(int round, Netmem page) {
    page_ = page;
    told_.store(round, std::memory_order_release);
  }
  void wait(int round) const {
    while (done_.load(std::memory_order_acquire) != round) std::this_thread::yield();
  }

 private:
  void run(int rounds) {
    for (int round = 1; round <= rounds; ++round) {
      while (told_.load(std::memory_order_acquire) != round) std::this_thread::yield();
      drop(page_);
      done_.store(round, std::memory_order_release);
    }
  }

  Netmem page_;
  std::atomic<int> told_{0};
  std::atomic<int> done_{0};
  std::thread thread_;
};

// The first to have dropped its page must not look at the pool any more: the other one deletes it.
TEST(PagePoolStress, TwoThreadsThatDropTheLastPagesOfADetachedPoolTouchItNoMore) {
  constexpr int kRounds = 2000;  // the model (tests/weak) sees all orders of events; this sees the real thing
  const auto provider = TestProvider::create(2);
  Dropper first(kRounds);
  Dropper second(kRounds);
  for (int round = 1; round <= kRounds; ++round) {
    auto pool = PagePool::create(provider, {.ring_size = 1}).value();
    const Netmem pages[] = {pool->try_alloc(), pool->try_alloc()};
    pool.reset();
    first.drop_in(round, pages[0]);
    second.drop_in(round, pages[1]);
    first.wait(round);
    second.wait(round);
    provider->reclaimed.clear();
  }
  EXPECT_EQ(provider->free_pages(), 2u);
}

// Who asks a provider about its regions must not look at one that is given back to the system meanwhile.
TEST(PagePoolStress, PortsArePossibleWhileBlocksComeAndGo) {
  const auto provider = make_huge_split_provider({.size = 256 * 1024, .small_block = 4096}).value();
  std::atomic<int> left = 3000;
  std::thread other([&] {
    for (std::vector<Netmem> pages(32); left > 0; --left)
      provider->reclaim(std::span(pages).first(provider->grant(pages)));
  });
  while (left > 0) {
    const auto pool = PagePool::create(provider).value();
    EXPECT_TRUE(TcpPort::create(*pool));
    std::size_t regions = 0;
    provider->visit_regions([&](const Region& region) { regions += region.page_count(); });
    EXPECT_LE(regions, 64u);
  }
  other.join();
}

TEST(PagePoolStress, FragmentsAreDroppedFromEverywhere) {
  const auto provider = TestProvider::create(kPages);
  const auto pool = PagePool::create(provider).value();
  Pages channel;
  std::vector<std::thread> droppers;
  for (int i = 0; i < 2; ++i) {
    droppers.emplace_back([&] {
      std::vector<Netmem> pages;
      while (channel.receive(pages)) drop(pages);
    });
  }
  std::mt19937 random(13);
  for (int round = 0; round < 4000; ++round) {
    std::vector<Netmem> away;
    for (int i = 0; i < 20; ++i) {
      const Fragment fragment = pool->try_alloc_fragment(static_cast<std::uint32_t>(1 + random() % 1500));
      if (!fragment) break;
      if (random() % 3 == 0) {
        pool->recycle_fragment(fragment.netmem);
      } else {
        away.push_back(fragment.netmem);
      }
    }
    if (!away.empty()) channel.send(std::move(away));
  }
  channel.close();
  for (auto& dropper : droppers) dropper.join();
  pool->flush_fragments();
  EXPECT_EQ(pool->counters().inflight(), 0);
  const auto books = pool->audit();
  EXPECT_TRUE(books) << books.error().message();
}

}  // namespace
}  // namespace netmem
