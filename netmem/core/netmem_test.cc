#include "netmem/core/netmem.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <limits>
#include <thread>

#include "netmem/base/units.h"
#include "netmem/core/page.h"
#include "netmem/pool/page_pool.h"
#include "tests/support/test_provider.h"

namespace netmem {
namespace {

static_assert(std::is_trivially_copyable_v<Netmem> && sizeof(Netmem) == 8);
static_assert(sizeof(Descriptor) <= 64);

struct Pool {
  explicit Pool(std::uint32_t pages = 256) : provider(TestProvider::create(pages)) {
    pool = PagePool::create(provider).value();
  }
  std::shared_ptr<TestProvider> provider;
  PagePoolPtr pool;
};

TEST(Netmem, BitZeroSaysDeviceMemoryWithoutTouchingThePage) {
  EXPECT_TRUE(Netmem::from_bits(0xdead'beef'0001).is_device());
  EXPECT_FALSE(Netmem::from_bits(0xdead'beef'0000).is_device());
}

TEST(Netmem, EveryPageOfARegionHasItsDescriptorAddressAndIndex) {
  const auto provider = TestProvider::create(1000);
  const Region& region = *provider->lasting_region();
  for (std::uint32_t i = 0; i < region.page_count(); ++i) {
    const Netmem page = region.page(i);
    ASSERT_EQ(page.index(), i);
    ASSERT_EQ(&page.region(), &region);
    ASSERT_EQ(page.descriptor().address, region.address() + i * 4096);
    ASSERT_TRUE(page.current());
  }
}

TEST(Netmem, BookkeepingIsAtMostEightyBytesAPage) {
  const auto provider = TestProvider::create(16384);
  const auto pool = PagePool::create(provider, {.ring_size = 16384}).value();
  const std::size_t bytes = provider->lasting_region()->bookkeeping() + pool->bookkeeping();
  EXPECT_LE(bytes + 4 * 16384, 80u * 16384);  // and the provider's free list
}

TEST(Netmem, AGenerationWrapsAroundWithoutTouchingTheAddress) {
  Pool p;
  const Netmem first = p.pool->try_alloc();
  Netmem page = first;
  for (std::uint32_t life = 0; life < 0x1'0000; ++life) {
    p.pool->recycle(page);
    page = p.pool->try_alloc();
    ASSERT_EQ(&page.descriptor(), &first.descriptor());
  }
  EXPECT_EQ(page, first);
  drop(page);
}

TEST(Reference, ASoleOwnerReadsOneAndWritesNothing) {
  Pool p;
  const Netmem page = p.pool->try_alloc();
  EXPECT_EQ(page.descriptor().refs.load(), 1u);
  drop(page);
  EXPECT_EQ(page.descriptor().refs.load(), 1u);
  EXPECT_TRUE(p.pool->audit());
}

TEST(Reference, TheLastOfSeveralHoldersSendsThePageHome) {
  Pool p;
  const Netmem page = p.pool->try_alloc();
  retain(page, 3);
  for (int i = 0; i < 3; ++i) {
    drop(page);
    ASSERT_EQ(p.pool->counters().cached, 0u);
  }
  drop(page);
  EXPECT_EQ(p.pool->counters().cached, 1u);
  EXPECT_EQ(p.pool->counters().inflight(), 0);
}

TEST(Reference, RefAndViewDropThemselves) {
  Pool p;
  {
    View view(Ref(p.pool->try_alloc()), 100, 1000);
    View rest = view.split(300);
    EXPECT_EQ(view.size(), 300u);
    EXPECT_EQ(rest.offset(), 400u);
    EXPECT_EQ(rest.size(), 700u);
    EXPECT_EQ(rest.bytes().data(), view.bytes().data() + 300);
    View moved = std::move(rest);
    EXPECT_FALSE(rest);  // NOLINT(bugprone-use-after-move): what is left is what is tested
    EXPECT_EQ(p.pool->counters().inflight(), 1);
    const View again = moved.share();
  }
  EXPECT_EQ(p.pool->counters().inflight(), 0);
  EXPECT_TRUE(p.pool->audit());
}

TEST(Reference, ABulkMayMixPagesOfSeveralPoolsAndSharedOnes) {
  Pool a;
  Pool b;
  std::vector<Netmem> pages;
  for (int i = 0; i < 200; ++i) pages.push_back((i % 3 == 0 ? a : b).pool->try_alloc());
  retain(pages[5]);
  drop(pages);
  EXPECT_EQ(a.pool->counters().inflight(), 0);
  EXPECT_EQ(b.pool->counters().inflight(), 1);
  drop(pages[5]);
  EXPECT_TRUE(a.pool->audit());
  EXPECT_TRUE(b.pool->audit());
}

TEST(Reference, ReferencesOfAPageThatStandTogetherAreAllDropped) {
  Pool p;
  const Netmem a = p.pool->try_alloc();
  const Netmem b = p.pool->try_alloc();
  retain(a, 5);
  retain(b);
  drop(std::array{a, a, a, b, b, a});
  EXPECT_EQ(a.descriptor().refs.load(), 2U);
  EXPECT_EQ(p.pool->counters().inflight(), 1);
  drop(std::array{a, a});
  EXPECT_EQ(p.pool->counters().inflight(), 0);
  EXPECT_TRUE(p.pool->audit());
}

TEST(ReferenceStress, DropsOnTwoThreadsAtOnceAreAllCounted) {
  constexpr std::uint32_t kEach = 100'000;
  Pool p;
  for (int round = 0; round < 10; ++round) {
    const Netmem page = p.pool->try_alloc();
    retain(page, 2 * kEach - 1);
    std::atomic<int> ready = 0;
    const auto drop_half = [&] {
      for (++ready; ready != 2;) std::this_thread::yield();
      for (std::uint32_t i = 0; i < kEach; ++i) drop(page);
    };
    std::jthread other(drop_half);
    drop_half();
    other.join();
    ASSERT_EQ(p.pool->counters().inflight(), 0);
  }
}

using ReferenceDeathTest = testing::Test;

TEST(ReferenceDeathTest, APageDroppedTwiceIsNamedWithItsPool) {
  Pool p;
  const Netmem page = p.pool->try_alloc();
  drop(page);
  EXPECT_DEATH(drop(page), "page 0 of region test, pool pool: dropped twice, or after it went home");
}

TEST(ReferenceDeathTest, MoreReferencesDroppedAtOnceThanThereAreAreNamed) {
  Pool p;
  const Ref page(p.pool->try_alloc());
  retain(page.get());
  EXPECT_DEATH(drop(std::array{page.get(), page.get(), page.get()}), "dropped more often than it was retained");
  drop(page.get());
}

TEST(ReferenceDeathTest, AStaleHandleIsRecognisedAfterThePageFoundANewHolder) {
  Pool p;
  const Netmem stale = p.pool->try_alloc();
  drop(stale);
  const Netmem fresh = p.pool->try_alloc();
  ASSERT_EQ(&fresh.descriptor(), &stale.descriptor());
  EXPECT_DEATH(drop(stale), "dropped twice, or after it went home.*handle of life 0, page in life 1");
  EXPECT_DEATH(retain(stale), "retained after it went home");
  EXPECT_DEATH(static_cast<void>(Page(stale)), "read after it went home");
  drop(fresh);
}

TEST(ReferenceDeathTest, APageRetainedTooRarelyIsNamed) {
  Pool p;
  const Netmem page = p.pool->try_alloc();
  p.pool->release(page);
  EXPECT_DEATH(drop(page), "pool no pool: dropped while its provider had it");
}

TEST(ReferenceDeathTest, CountsThatCannotBeAreNamed) {
  Pool p;
  const Netmem page = p.pool->try_alloc();
  EXPECT_DEATH(retain(page, Descriptor::kCountMask), "page 0: too many references");
  page.descriptor().refs.store(0);  // two threads dropped the same reference
  EXPECT_DEATH(drop(page), "dropped more often than it was retained");
  page.descriptor().refs.store(1);
  drop(page);
}

TEST(ReferenceDeathTest, AViewOutsideItsPageIsRefused) {
  Pool p;
  Ref page(p.pool->try_alloc());
  EXPECT_DEATH(View(page.share(), 4000, 97), "a view of 97 bytes at 4000 does not fit its page");
}

TEST(PageOwner, WhatEveryThreadReadsSharesNoLineWithTheConsumersWords) {
  struct Owner final : PageOwner {
    void take_home(std::span<const Netmem>) noexcept override {}
    void take_home_transient(Netmem) noexcept override {}
    [[nodiscard]] const char* owner_name() const noexcept override { return "probe"; }
    [[nodiscard]] bool apart() const {
      const auto line = [](const void* address) { return reinterpret_cast<std::uintptr_t>(address) / 64; };
      return line(&consumer_) == line(this) && line(&in_slots_) == line(this) + 1;
    }
  };
  EXPECT_TRUE(Owner().apart());
}

TEST(Region, WhatCannotBeCutIsRefused) {
  const auto provider = TestProvider::create(1);
  const auto attempt = [&](RegionSpec spec) { return Region::create(*provider, std::move(spec)).error().message(); };
  EXPECT_NE(attempt({.size = 4096, .page_shift = 11}).find("no power of two from 4 KiB to 1 GiB"), std::string::npos);
  EXPECT_NE(attempt({.size = GiB, .page_shift = 31}).find("no power of two from 4 KiB to 1 GiB"), std::string::npos);
  EXPECT_NE(attempt({.size = GiB - 1, .page_shift = 30}).find("hold no page of 1 GiB"), std::string::npos);
  EXPECT_NE(attempt({.size = 4095}).find("hold no page"), std::string::npos);
  EXPECT_NE(attempt({.address = 100, .size = 4096}).find("multiple of 4 KiB"), std::string::npos);
  EXPECT_NE(attempt({.address = std::uint64_t{1} << 48, .size = 4096}).find("more than 48 bits"), std::string::npos);
}

}  // namespace
}  // namespace netmem
