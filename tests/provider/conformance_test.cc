#include "tests/provider/conformance.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "netmem/base/units.h"
#include "netmem/core/page.h"
#include "netmem/core/poison.h"
#include "tests/provider/recording_dma_device.h"
#include "tests/support/regions.h"

namespace netmem {

std::vector<Netmem> grant_all(MemoryProvider& provider, std::size_t batch) {
  std::vector<Netmem> pages;
  for (;;) {
    pages.resize(pages.size() + batch);
    const std::size_t count = provider.grant(std::span(pages).last(batch));
    pages.resize(pages.size() - batch + count);
    if (count == 0) return pages;
  }
}

void reclaim_all(MemoryProvider& provider, std::vector<Netmem> pages, std::size_t batch) {
  for (Netmem& page : pages) page = end_life(page);
  for (std::span<const Netmem> rest = pages; !rest.empty();) {
    const std::size_t count = std::min(batch, rest.size());
    provider.reclaim(rest.first(count));
    rest = rest.subspan(count);
  }
}

std::size_t total_pages(const MemoryProvider& provider) {
  std::size_t total = 0;
  for (const Region* region : regions_of(provider)) total += region->page_count();
  return total;
}

std::uint64_t counter(const MemoryProvider& provider, const std::string& name) {
  for (const Counter& one : provider.counters())
    if (one.name == name) return one.value;
  ADD_FAILURE() << provider.name() << " has no counter " << name;
  return 0;
}

void Conformance::SetUp() {
  if (!GetParam().needs) return;
  auto need = GetParam().needs();
  if (!need) GTEST_SKIP() << need.error().message();
  need_ = std::move(*need);
}

void Conformance::TearDown() {
  EXPECT_TRUE(last_.expired()) << "somebody still holds the provider";
  need_.reset();
}

std::shared_ptr<MemoryProvider> Conformance::make(std::size_t page_size, std::shared_ptr<DmaDevice> dma) {
  auto made = GetParam().make({.size = GetParam().size, .page_size = page_size, .dma = std::move(dma)});
  if (!made) {
    ADD_FAILURE() << made.error().message();
    return nullptr;
  }
  last_ = *made;
  return *made;
}

namespace {

constexpr std::array kPageSizes = {4 * KiB, 8 * KiB, 64 * KiB, 512 * KiB, 2 * MiB, 4 * MiB};

void expect_books(const MemoryProvider& provider, std::size_t granted) {
  EXPECT_EQ(provider.free_pages() + granted, total_pages(provider)) << provider.describe();
}

TEST_P(Conformance, GrantsDistinctCurrentPagesInsideItsRegions) {
  for (const std::size_t page_size : kPageSizes) {
    const auto provider = make(page_size);
    ASSERT_NE(provider, nullptr);
    ASSERT_EQ(provider->page_size(), page_size);
    const std::vector<Netmem> pages = grant_all(*provider);
    EXPECT_GE(pages.size(), 1u);
    std::set<Descriptor*> descriptors;
    std::set<std::uint64_t> addresses;
    const std::vector<const Region*> regions = regions_of(*provider);
    for (const Netmem page : pages) {
      ASSERT_TRUE(page && page.current());
      EXPECT_EQ(page.is_device(), provider->is_device());
      EXPECT_EQ(page.descriptor().refs.load() & Descriptor::kCountMask, 1u);
      const Region& region = page.region();
      EXPECT_NE(std::find(regions.begin(), regions.end(), &region), regions.end());
      const std::uint64_t address = page.descriptor().address;
      EXPECT_GE(address, region.address());
      EXPECT_LE(address + page_size, region.address() + region.size());
      EXPECT_EQ(address % std::min(page_size, 2 * MiB), 0u) << "pages are aligned to their size, up to 2 MiB";
      EXPECT_EQ(region.page_size(), page_size);
      EXPECT_EQ(&region.provider().copy_engine(), &provider->copy_engine());
      EXPECT_TRUE(descriptors.insert(&page.descriptor()).second);
      EXPECT_TRUE(addresses.insert(address).second);
    }
    reclaim_all(*provider, pages);
  }
}

TEST_P(Conformance, BooksBalanceAtEveryStep) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  expect_books(*provider, 0);
  std::mt19937 random(1);
  std::vector<Netmem> held;
  for (int step = 0; step < 400; ++step) {
    if (random() % 2 == 0) {
      std::array<Netmem, 100> batch;
      const std::size_t count = provider->grant(std::span(batch).first(random() % batch.size()));
      held.insert(held.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
    } else {
      std::shuffle(held.begin(), held.end(), random);
      const std::size_t keep = held.size() - std::min<std::size_t>(held.size(), random() % 150);
      reclaim_all(*provider, {held.begin() + static_cast<std::ptrdiff_t>(keep), held.end()}, 1 + random() % 70);
      held.resize(keep);
    }
    expect_books(*provider, held.size());
  }
  reclaim_all(*provider, held);
  expect_books(*provider, 0);
}

TEST_P(Conformance, AskedForNothingGivesNothing) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  EXPECT_EQ(provider->grant({}), 0u);
  provider->reclaim({});
  expect_books(*provider, 0);
}

TEST_P(Conformance, ExhaustionGivesNothingAndPassesWhenPagesComeBack) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  std::size_t first_round = 0;
  for (int round = 0; round < 3; ++round) {
    const std::vector<Netmem> pages = grant_all(*provider, 33);
    Netmem none;
    EXPECT_EQ(provider->grant({&none, 1}), 0u);
    EXPECT_FALSE(none);
    if (round == 0) first_round = pages.size();
    EXPECT_EQ(pages.size(), first_round);
    expect_books(*provider, pages.size());
    reclaim_all(*provider, pages, 17);
  }
}

TEST_P(Conformance, TakesPagesBackInAnyOrderFromSeveralThreads) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  std::vector<Netmem> pages = grant_all(*provider);
  std::shuffle(pages.begin(), pages.end(), std::mt19937(7));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto begin = static_cast<std::ptrdiff_t>(pages.size() * i / 4);
      const auto end = static_cast<std::ptrdiff_t>(pages.size() * (i + 1) / 4);
      threads.emplace_back([&, part = std::vector<Netmem>(pages.begin() + begin, pages.begin() + end), i] {
        reclaim_all(*provider, part, 1 + 13 * i);
      });
    }
  }
  expect_books(*provider, 0);
  EXPECT_EQ(grant_all(*provider).size(), pages.size());
}

TEST_P(Conformance, NoPageIsGrantedTwiceAtATimeByThreadsThatGrantAndReclaim) {
  const auto provider = make(64 * KiB);
  ASSERT_NE(provider, nullptr);
  std::atomic<int> clashes{0};
  const auto work = [&](std::uint32_t number) {
    std::array<Netmem, 24> batch;
    for (int i = 0; i < 300; ++i) {
      const std::size_t count = provider->grant(batch);
      const std::vector<Netmem> mine(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
      for (const Netmem page : mine) {
        // The reference count is the holder's while the page is granted; two holders would see each other's mark.
        auto& refs = page.descriptor().refs;
        const std::uint32_t flags = refs.load() & ~Descriptor::kCountMask;
        if (refs.exchange(flags | number) != (flags | 1)) ++clashes;
      }
      for (const Netmem page : mine) {
        auto& refs = page.descriptor().refs;
        const std::uint32_t flags = refs.load() & ~Descriptor::kCountMask;
        if (refs.exchange(flags | 1) != (flags | number)) ++clashes;
      }
      reclaim_all(*provider, mine, 5);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 0; i < 3; ++i) threads.emplace_back(work, 100 + i);
  }
  EXPECT_EQ(clashes, 0);
  expect_books(*provider, 0);
}

TEST_P(Conformance, RefusesSizesThatHoldNoPageAndPageSizesThatAreNone) {
  const Wanted bad[] = {{0, 4 * KiB},       {4 * MiB, 0},           {4 * MiB, 2 * KiB},
                        {4 * GiB, 2 * GiB}, {4 * MiB, 12 * KiB},    {4 * MiB, 4097},
                        {4095, 4 * KiB},    {8 * KiB - 1, 8 * KiB}, {2 * MiB - 1, 2 * MiB}};
  for (const Wanted& wanted : bad) {
    const Made made = GetParam().make(wanted);
    ASSERT_FALSE(made) << wanted.size << " in pages of " << wanted.page_size;
    EXPECT_TRUE(made.error().message().starts_with("cannot make a ")) << made.error().message();
    EXPECT_FALSE(made.error().reason.empty());
    EXPECT_FALSE(made.error().advice.empty());
  }
}

std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  std::mt19937 random(seed);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST_P(Conformance, CopyEngineBringsBytesThereAndBack) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  const std::vector<Netmem> pages = grant_all(*provider);
  for (const Netmem page : pages) unpoison(page);
  const Netmem first = pages.front();
  const Netmem last = pages.back();
  const auto one = pattern(4096, 1), two = pattern(1234, 2), three = pattern(1, 3);
  const CopyIn in[] = {{last, 0, one}, {first, 777, two}, {first, 4095, three}, {first, 0, {}}, {first, 4096, {}}};
  ASSERT_TRUE(provider->copy_engine().copy_in(in));
  std::vector<std::byte> got(one.size() + two.size() + three.size());
  const std::span<std::byte> all(got);
  const CopyOut out[] = {{all.subspan(4096, 1234), first, 777}, {all.first(4096), last, 0}, {all.last(1), first, 4095}};
  ASSERT_TRUE(provider->copy_engine().copy_out(out));
  EXPECT_TRUE(std::equal(one.begin(), one.end(), got.begin()));
  EXPECT_TRUE(std::equal(two.begin(), two.end(), got.begin() + 4096));
  EXPECT_EQ(got.back(), three.front());
  ASSERT_TRUE(provider->copy_engine().copy_in({}));
  reclaim_all(*provider, pages);
}

TEST_P(Conformance, APageOfMoreThanAHugePageIsOnePieceToItsEnd) {
  const auto provider = make(4 * MiB);
  ASSERT_NE(provider, nullptr);
  std::array<Netmem, 1> page;
  ASSERT_EQ(provider->grant(page), 1u);
  unpoison(page[0]);
  const auto whole = pattern(4 * MiB, 6);
  const auto half = std::span(whole).subspan(0, 2 * MiB - 1);
  const std::array in = {CopyIn{page[0], 2 * MiB - 1, std::span(whole).subspan(2 * MiB - 1)}, CopyIn{page[0], 0, half}};
  ASSERT_TRUE(provider->copy_engine().copy_in(in));
  EXPECT_FALSE(provider->copy_engine().copy_in(std::array{CopyIn{page[0], 4 * MiB - 1, half.first(2)}}));
  std::vector<std::byte> got(4 * MiB);
  ASSERT_TRUE(provider->copy_engine().copy_out(std::array{CopyOut{got, page[0], 0}}));
  EXPECT_TRUE(got == whole);
  expect_books(*provider, 1);
  reclaim_all(*provider, {page[0]});
}

TEST_P(Conformance, CopyEngineRefusesABatchBeforeCopyingAnyOfIt) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  std::array<Netmem, 1> page;
  ASSERT_EQ(provider->grant(page), 1u);
  unpoison(page[0]);
  CopyEngine& engine = provider->copy_engine();
  const auto before = pattern(64, 4), after = pattern(64, 5);
  ASSERT_TRUE(engine.copy_in(std::array{CopyIn{page[0], 0, before}}));
  EXPECT_FALSE(engine.copy_in(std::array{CopyIn{page[0], 0, after}, CopyIn{page[0], 4033, after}}));
  EXPECT_FALSE(engine.copy_in(std::array{CopyIn{page[0], 0, after}, CopyIn{page[0], 0xffff'ffff, after}}));
  EXPECT_FALSE(engine.copy_in(std::array{CopyIn{page[0], 0, after}, CopyIn{{}, 0, after}}));
  std::vector<std::byte> got(64);
  EXPECT_FALSE(engine.copy_out(std::array{CopyOut{got, page[0], 4033}}));
  EXPECT_FALSE(engine.copy_out(std::array{CopyOut{got, {}, 0}}));
  ASSERT_TRUE(engine.copy_out(std::array{CopyOut{got, page[0], 0}}));
  EXPECT_EQ(got, before);
  reclaim_all(*provider, {page[0]});
}

// Until poll says done or gives an error; wait must not be asked any more then.
Result<void> poll_to_the_end(CopyEngine& engine, CopyTicket ticket) {
  for (;;) {
    const Result<bool> done = engine.poll(ticket);
    if (!done) return std::unexpected(done.error());
    if (*done) return {};
    std::this_thread::yield();
  }
}

TEST_P(Conformance, CopiesThatWereBegunAreThereWhenTheirTicketEnds) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  std::array<Netmem, 2> pages;
  ASSERT_EQ(provider->grant(pages), 2u);
  for (const Netmem page : pages) unpoison(page);
  CopyEngine& engine = provider->copy_engine();
  const auto one = pattern(4096, 7), two = pattern(99, 8), three = pattern(1000, 9);
  const Result<CopyTicket> first = engine.begin_copy_in(std::array{CopyIn{pages[0], 0, one}, CopyIn{pages[1], 5, two}});
  const Result<CopyTicket> second = engine.begin_copy_in(std::array{CopyIn{pages[0], 100, three}});  // above the first
  const Result<CopyTicket> nothing = engine.begin_copy_in({});
  ASSERT_TRUE(first && second && nothing);
  EXPECT_TRUE(engine.wait(*nothing));
  EXPECT_TRUE(engine.wait(*second));  // in any order
  EXPECT_TRUE(poll_to_the_end(engine, *first));
  EXPECT_TRUE(engine.poll(CopyTicket::done).value_or(false));
  std::vector<std::byte> got(4096 + 99);
  ASSERT_TRUE(engine.copy_out(
      std::array{CopyOut{std::span(got).first(4096), pages[0], 0}, CopyOut{std::span(got).last(99), pages[1], 5}}));
  std::vector<std::byte> expected = one;
  std::ranges::copy(three, expected.begin() + 100);
  expected.insert(expected.end(), two.begin(), two.end());
  EXPECT_EQ(got, expected);
  EXPECT_FALSE(engine.begin_copy_in(std::array{CopyIn{pages[0], 0, two}, CopyIn{pages[0], 4000, two}}));
  reclaim_all(*provider, {pages.begin(), pages.end()});
}

void expect_cpu_faults(Netmem page) {
  EXPECT_FALSE(Page::try_from(page));
  auto* address = reinterpret_cast<volatile char*>(page.descriptor().address);
  EXPECT_DEATH(static_cast<void>(*address), "");
  EXPECT_DEATH(*address = 1, "");
}

void expect_cpu_reaches(std::span<const Netmem> pages) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    unpoison(pages[i]);
    std::memset(Page(pages[i]).address(), static_cast<int>(i), 4096);
  }
  for (std::size_t i = 0; i < pages.size(); ++i) {
    EXPECT_EQ(Page(pages[i]).address()[0], static_cast<std::byte>(i));
    EXPECT_EQ(Page(pages[i]).address()[4095], static_cast<std::byte>(i));
  }
}

TEST_P(Conformance, TheCpuReachesHostMemoryAndFaultsOnDeviceMemory) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  const std::vector<Netmem> pages = grant_all(*provider);
  if (provider->is_device()) {
    expect_cpu_faults(pages.front());
  } else {
    expect_cpu_reaches(pages);
  }
  reclaim_all(*provider, pages);
}

TEST_P(Conformance, TheIoWindowOfAPageIsWhereItsBytesAre) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  const std::vector<Netmem> pages = grant_all(*provider);
  const Netmem page = pages.back();
  unpoison(page);
  std::byte* const window = page.region().io_window(page);
  if (window == nullptr) GTEST_SKIP() << "the kernel cannot write this memory";
  const auto bytes = pattern(4096, 6);
  std::memcpy(window, bytes.data(), bytes.size());
  std::vector<std::byte> got(4096);
  ASSERT_TRUE(provider->copy_engine().copy_out(std::array{CopyOut{got, page, 0}}));
  EXPECT_EQ(got, bytes);
  reclaim_all(*provider, pages);
}

TEST_P(Conformance, RegistersEachRegionOnceWithTheDmaDevice) {
  const auto dma = std::make_shared<RecordingDmaDevice>();
  auto provider = make(4 * KiB, dma);
  ASSERT_NE(provider, nullptr);
  const std::vector<Netmem> pages = grant_all(*provider);
  EXPECT_EQ(dma->mapped(), regions_of(*provider).size());
  EXPECT_EQ(dma->maps(), dma->mapped());
  for (const Region* region : regions_of(*provider)) EXPECT_TRUE(dma->holds(*region));
  for (const Netmem page : pages)
    ASSERT_EQ(page.dma_address(), page.region().dma_address() + page.region().offset(page));
  reclaim_all(*provider, pages);
  EXPECT_EQ(dma->mapped(), regions_of(*provider).size());
  provider.reset();
  EXPECT_EQ(dma->mapped(), 0u);
  EXPECT_TRUE(dma->orderly());
}

TEST_P(Conformance, ADmaDeviceThatRefusesLeavesNothingBehind) {
  const auto dma = std::make_shared<RecordingDmaDevice>();
  dma->refuse();
  Made made = GetParam().make({.size = GetParam().size, .page_size = 4 * KiB, .dma = dma});
  if (made) {  // regions on demand: the refusal shows as a grant of nothing
    Netmem page;
    EXPECT_EQ((*made)->grant({&page, 1}), 0u);
    expect_books(**made, 0);
  } else {
    EXPECT_NE(made.error().message().find("its table is full"), std::string::npos) << made.error().message();
  }
  EXPECT_EQ(dma->maps(), 0u);
  EXPECT_TRUE(dma->orderly());
}

TEST_P(Conformance, ADisconnectedPageKeepsItsProviderAliveUntilItsLastDrop) {
  auto provider = make();
  ASSERT_NE(provider, nullptr);
  std::array<Netmem, 2> pages;
  ASSERT_EQ(provider->grant(pages), 2u);
  for (const Netmem page : pages) {  // as pools do
    provider->disconnected_page_leaves();
    page.descriptor().refs.fetch_or(Descriptor::kDisconnected);
  }
  const std::weak_ptr<MemoryProvider> home = pages[1].region().provider().weak_from_this();
  drop(pages[0]);
  provider.reset();
  ASSERT_FALSE(home.expired());
  drop(pages[1]);
  EXPECT_TRUE(home.expired());
}

TEST_P(Conformance, SaysWhatItIs) {
  const auto provider = make();
  ASSERT_NE(provider, nullptr);
  EXPECT_FALSE(provider->name().empty());
  EXPECT_NE(provider->describe().find(provider->name()), std::string::npos);
  EXPECT_EQ(provider->describe().find('\n'), std::string::npos);
  const std::vector<Netmem> pages = grant_all(*provider);
  for (const Region* region : regions_of(*provider)) {
    EXPECT_FALSE(region->name().empty());
    EXPECT_GE(region->backing_page(), 4096u);
  }
  reclaim_all(*provider, pages);
}

}  // namespace
}  // namespace netmem
