#include "netmem/providers/host/huge_split.h"

#include "netmem/base/units.h"
#include "netmem/pool/page_pool.h"
#include "tests/provider/conformance.h"
#include "tests/provider/huge_pages_need.h"
#include "tests/provider/recording_dma_device.h"
#include "tests/support/regions.h"

namespace netmem {
namespace {

Made make(const Wanted& wanted) {
  return make_huge_split_provider({.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
}
INSTANTIATE_TEST_SUITE_P(HugeSplit, Conformance, testing::Values(ProviderCase{.make = make, .needs = [] {
                                                                                return HugePagesNeed::take(3, kHuge2M);
                                                                              }}));
INSTANTIATE_TEST_SUITE_P(HugeSplitWithoutHugePages, Conformance,
                         testing::Values(ProviderCase{.make = make,
                                                      .needs = [] { return HugePagesNeed::take(0, kHuge2M); }}));

std::vector<Netmem> grant(MemoryProvider& provider, std::size_t count) {
  std::vector<Netmem> pages(count);
  pages.resize(provider.grant(pages));
  return pages;
}

TEST(HugeSplit, CutsHugePagesInOrderAndGivesThemBackWhenAllTheirPagesAre) {
  const auto need = HugePagesNeed::take(2, kHuge2M);
  if (!need) GTEST_SKIP() << need.error().message();
  const auto dma = std::make_shared<RecordingDmaDevice>();
  const auto provider = make_huge_split_provider({.size = 4 * MiB, .dma = dma}).value();
  EXPECT_TRUE(regions_of(*provider).empty()) << "taken on demand";
  const std::vector<Netmem> first = grant(*provider, 512);
  ASSERT_EQ(first.size(), 512u);
  ASSERT_EQ(regions_of(*provider).size(), 1u);
  EXPECT_EQ(regions_of(*provider)[0]->backing_page(), kHuge2M);
  for (std::uint32_t i = 0; i < first.size(); ++i) ASSERT_EQ(first[i].index(), i);

  const std::vector<Netmem> second = grant(*provider, 10);
  EXPECT_EQ(regions_of(*provider).size(), 2u);
  reclaim_all(*provider, {first.begin(), first.end() - 1});
  EXPECT_EQ(regions_of(*provider).size(), 2u) << "one page is still out";
  EXPECT_EQ(grant(*provider, 1)[0].index(), 10u) << "pages that came back are not granted again";
  reclaim_all(*provider, {first.back()});
  EXPECT_EQ(regions_of(*provider).size(), 1u);
  EXPECT_EQ(dma->mapped(), 1u);
  EXPECT_EQ(counter(*provider, "huge_blocks"), 2u);
  EXPECT_EQ(counter(*provider, "blocks_returned"), 1u);
  EXPECT_NE(provider->describe().find("1 blocks backed by 2 MiB pages, 0 by smaller ones"), std::string::npos)
      << provider->describe();
}

// The block goes back to the system with its descriptors, and the next one is at the same addresses.
TEST(HugeSplit, AHandleFromABlockThatWentIsStaleInTheNextOne) {
  const auto provider = make_huge_split_provider({.size = 64 * KiB, .small_block = 64 * KiB}).value();
  int same = 0;
  std::vector<Netmem> stale;
  for (int life = 0; life < 100; ++life) {
    auto one = PagePool::create(provider).value();
    const Netmem page = one->try_alloc();
    ASSERT_TRUE(page);
    for (const Netmem before : stale) {
      if (&before.descriptor() != &page.descriptor()) continue;
      ++same;
      EXPECT_NE(before, page) << "life " << life;
      EXPECT_FALSE(before.current()) << "life " << life;
    }
    stale.push_back(page);
    drop(page);
    if (life % 2 == 0) {  // one life more, so that blocks do not all live equally long
      const Netmem again = one->try_alloc();
      stale.push_back(again);
      drop(again);
    }
  }
  if (same == 0) GTEST_SKIP() << "the system gave no block an address that one had before";
}

TEST(HugeSplit, FallsToSmallBlocksAndTriesHugePagesAgainAfterTheInterval) {
  auto none = HugePagesNeed::take(0, kHuge2M);
  if (!none) GTEST_SKIP() << none.error().message();
  std::chrono::steady_clock::time_point now{};
  const auto provider = make_huge_split_provider({.size = 8 * MiB, .clock = [&now] { return now; }}).value();
  const std::vector<Netmem> small = grant(*provider, 40);
  EXPECT_EQ(small.size(), 40u);
  EXPECT_EQ(small[0].region().size(), 64 * KiB);
  EXPECT_EQ(small[0].region().backing_page(), 4096u);
  EXPECT_EQ(counter(*provider, "small_blocks"), 3u);
  EXPECT_EQ(counter(*provider, "huge_missed"), 1u) << "one try for three blocks";

  none->reset();
  const auto one = HugePagesNeed::take(1, kHuge2M);
  if (!one) GTEST_SKIP() << one.error().message();
  now += std::chrono::milliseconds(999);
  grant(*provider, 16);
  EXPECT_EQ(counter(*provider, "huge_blocks"), 0u) << "not before the interval is over";
  now += std::chrono::milliseconds(1);
  grant(*provider, 16);
  EXPECT_EQ(counter(*provider, "huge_blocks"), 1u);
  EXPECT_EQ(counter(*provider, "huge_missed"), 1u);
}

TEST(HugeSplit, PagesLargerThanASmallBlockGetABlockEach) {
  const auto none = HugePagesNeed::take(0, kHuge2M);
  if (!none) GTEST_SKIP() << none.error().message();
  const auto provider = make_huge_split_provider({.size = 4 * MiB, .page_size = MiB}).value();
  const std::vector<Netmem> pages = grant_all(*provider);
  EXPECT_EQ(pages.size(), 4u);
  EXPECT_EQ(regions_of(*provider).size(), 4u);
  reclaim_all(*provider, pages);
  EXPECT_TRUE(regions_of(*provider).empty()) << "all of it is the system's again";
}

TEST(HugeSplit, PagesLargerThanAHugePageGetSeveral) {
  const auto need = HugePagesNeed::take(5, kHuge2M);
  if (!need) GTEST_SKIP() << need.error().message();
  const auto provider = make_huge_split_provider({.size = 16 * MiB, .page_size = 4 * MiB}).value();
  const std::vector<Netmem> pages = grant_all(*provider);
  EXPECT_EQ(pages.size(), 4u);
  EXPECT_EQ(counter(*provider, "huge_blocks"), 2u);
  EXPECT_EQ(counter(*provider, "small_blocks"), 2u);
  reclaim_all(*provider, pages);
  EXPECT_TRUE(regions_of(*provider).empty());
}

TEST(HugeSplitDeathTest, APageThatComesBackTwiceStopsTheProgram) {
  const auto provider = make_huge_split_provider({.size = 4 * MiB}).value();
  const std::vector<Netmem> pages = grant(*provider, 1);
  EXPECT_DEATH(
      {
        reclaim_all(*provider, pages);
        provider->reclaim(std::vector{pages[0].region().page(0)});
      },
      "more pages of a block came back than were granted");
}

}  // namespace
}  // namespace netmem
