#include "netmem/providers/host/huge_1g.h"

#include "netmem/base/units.h"
#include "netmem/core/poison.h"
#include "tests/provider/conformance.h"
#include "tests/provider/huge_pages_need.h"
#include "tests/provider/recording_dma_device.h"

namespace netmem {
namespace {

Result<std::shared_ptr<void>> one_page() { return HugePagesNeed::take(1, kHuge1G); }
INSTANTIATE_TEST_SUITE_P(
    Huge1G, Conformance,
    testing::Values(ProviderCase{
        .make = [](const Wanted& wanted) { return make_huge_1g_provider(wanted.size, wanted.page_size, wanted.dma); },
        .needs = one_page}));

TEST(Huge1G, SliceIsReadBackAsOneGiBPages) {
  const auto need = one_page();
  if (!need) GTEST_SKIP() << need.error().message();
  const auto whole = Huge1G::create(1).value();
  EXPECT_EQ(whole->backing_page(), GiB);
  const auto slice = whole->slice().value();
  EXPECT_EQ(slice->lasting_region()->size(), 128 * MiB);
  EXPECT_EQ(slice->lasting_region()->backing_page(), GiB);
  EXPECT_EQ(slice->describe(), "huge_1g: a slice of 128 MiB of 1 GiB in pages of 4 KiB, backed by 1 GiB pages");
}

TEST(Huge1G, SlicesAreDisjointAndComeBackWhenTheirProvidersAreDestroyed) {
  const auto need = one_page();
  if (!need) GTEST_SKIP() << need.error().message();
  auto whole = Huge1G::create(1).value();
  std::vector<std::shared_ptr<MemoryProvider>> slices;
  for (int i = 0; i < 8; ++i) {
    slices.push_back(whole->slice().value());
    const Region& region = *slices.back()->lasting_region();
    for (int j = 0; j < i; ++j) {
      const Region& other = *slices[static_cast<std::size_t>(j)]->lasting_region();
      EXPECT_TRUE(region.address() + region.size() <= other.address() ||
                  other.address() + other.size() <= region.address());
    }
  }
  EXPECT_EQ(whole->free_bytes(), 0u);
  const auto full = whole->slice(4096);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message(),
            "cannot take a slice of 4 KiB of 1 GiB pages: no free range is that large; destroy a slice, or take more 1 "
            "GiB pages");
  slices[3].reset();
  slices[5].reset();
  EXPECT_FALSE(whole->slice(256 * MiB)) << "the free slices are not neighbours";
  slices[4].reset();
  EXPECT_TRUE(whole->slice(384 * MiB)) << "neighbours grow together";
  slices.clear();
  EXPECT_EQ(whole->free_bytes(), GiB);
  EXPECT_TRUE(whole->slice(GiB));
}

TEST(Huge1G, AFailedSliceGivesItsRangeBack) {
  const auto need = one_page();
  if (!need) GTEST_SKIP() << need.error().message();
  const auto whole = Huge1G::create(1).value();
  const auto dma = std::make_shared<RecordingDmaDevice>();
  dma->refuse();
  EXPECT_FALSE(whole->slice(128 * MiB, 4096, dma));
  EXPECT_FALSE(whole->slice(2 * GiB));
  EXPECT_FALSE(whole->slice(100, 4096));
  EXPECT_EQ(whole->free_bytes(), GiB);
}

TEST(Huge1G, ASliceOutlivesTheHandleOfItsPages) {
  const auto need = one_page();
  if (!need) GTEST_SKIP() << need.error().message();
  const auto slice = Huge1G::create(1).value()->slice(2 * MiB, 2 * MiB).value();
  const std::vector<Netmem> pages = grant_all(*slice);
  ASSERT_EQ(pages.size(), 1u);
  unpoison(pages[0]);  // as pools do when they hand a page out
  const std::byte byte{7};
  EXPECT_TRUE(slice->copy_engine().copy_in(std::vector<CopyIn>{{pages[0], 5, {&byte, 1}}}));
  reclaim_all(*slice, pages);
}

TEST(Huge1G, ASliceThatFitsAPageLiesInsideOne) {
  const auto need = HugePagesNeed::take(2, kHuge1G);
  if (!need) GTEST_SKIP() << need.error().message();
  const auto whole = Huge1G::create(2).value();
  const auto first = whole->slice(600 * MiB).value();
  const auto second = whole->slice(600 * MiB).value();
  EXPECT_EQ(second->lasting_region()->address() - first->lasting_region()->address(), GiB);
  const auto third = whole->slice(424 * MiB).value();
  EXPECT_EQ(third->lasting_region()->address() - first->lasting_region()->address(), 600 * MiB);
}

TEST(Huge1G, MissingPagesNameTheFileAndTheNumberToWrite) {
  const auto need = HugePagesNeed::take(0, kHuge1G);
  if (!need) GTEST_SKIP() << need.error().message();
  std::size_t present = 0;
  std::ifstream(huge_pages_file(kHuge1G)) >> present;
  for (const auto& error : {Huge1G::create(2).error(), make_huge_1g_provider(GiB + 1).error()})
    EXPECT_EQ(error.message(), "cannot take 2 1 GiB huge pages: the kernel has too few of them free; write " +
                                   std::to_string(present + 2) +
                                   " to /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
}

}  // namespace
}  // namespace netmem
