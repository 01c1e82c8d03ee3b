#include "netmem/providers/host/huge.h"

#include "netmem/base/units.h"
#include "netmem/providers/common/backing_page.h"
#include "tests/provider/conformance.h"
#include "tests/provider/huge_pages_need.h"
#include "tests/provider/recording_dma_device.h"
#include "tests/support/regions.h"

namespace netmem {
namespace {

Made make(const Wanted& wanted) {
  return make_huge_provider({.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
}
Result<std::shared_ptr<void>> two_pages() { return HugePagesNeed::take(2, kHuge2M); }
INSTANTIATE_TEST_SUITE_P(Huge, Conformance, testing::Values(ProviderCase{.make = make, .needs = two_pages}));

std::vector<Netmem> grant(MemoryProvider& provider, std::size_t count) {
  std::vector<Netmem> pages(count);
  pages.resize(provider.grant(pages));
  return pages;
}

struct Huge : testing::Test {
  // A provider over `count` huge pages of 4 pages each; null: skipped.
  std::shared_ptr<MemoryProvider> make_of(std::size_t count, std::optional<std::size_t> outside = {}) {
    auto taken = HugePagesNeed::take(count, kHuge2M);
    if (!taken) {
      reason = taken.error().message();
      return nullptr;
    }
    need = std::move(*taken);
    return make_huge_provider({.size = count * kHuge2M, .page_size = 512 * KiB, .outside_size = outside, .dma = dma})
        .value();
  }
  std::shared_ptr<RecordingDmaDevice> dma = std::make_shared<RecordingDmaDevice>();
  std::shared_ptr<void> need;
  std::string reason;
};

TEST_F(Huge, OneRegionOverAllHugePagesReadBackFromTheKernel) {
  const auto provider = make_of(3);
  if (!provider) GTEST_SKIP() << reason;
  ASSERT_EQ(regions_of(*provider).size(), 1u);
  EXPECT_EQ(provider->lasting_region()->size(), 3 * kHuge2M);
  EXPECT_EQ(provider->lasting_region()->backing_page(), kHuge2M);
  EXPECT_EQ(dma->maps(), 1u);
  EXPECT_NE(provider->describe().find("6 MiB in pages of 512 KiB, backed by 2 MiB pages"), std::string::npos)
      << provider->describe();
}

TEST_F(Huge, AHugePageIsReusedInItsTurnOnceAllItsPagesAreBack) {
  const auto provider = make_of(3, 0);
  if (!provider) GTEST_SKIP() << reason;
  const std::vector<Netmem> all = grant(*provider, 12);
  ASSERT_EQ(all.size(), 12u);
  for (std::uint32_t i = 0; i < 12; ++i) EXPECT_EQ(all[i].index(), i);
  reclaim_all(*provider, {all[0], all[1], all[2], all[5], all[9]});
  EXPECT_TRUE(grant(*provider, 1).empty()) << "no huge page has all its pages back";
  EXPECT_EQ(counter(*provider, "inside_busy"), 3u);
  reclaim_all(*provider, {all[8], all[10], all[11]});
  EXPECT_EQ(grant(*provider, 1)[0].index(), 8u);
  EXPECT_EQ(counter(*provider, "inside_busy"), 5u) << "two were passed on the way";
  reclaim_all(*provider, {all[3]});
  EXPECT_EQ(grant(*provider, 1)[0].index(), 9u) << "the current one is cut to its end first";
  const std::vector<Netmem> rest = grant(*provider, 3);
  ASSERT_EQ(rest.size(), 3u);
  EXPECT_EQ(rest[2].index(), 0u);
}

TEST_F(Huge, APageOfSeveralHugePagesIsReusedOnceItIsBack) {
  auto taken = HugePagesNeed::take(5, kHuge2M);
  if (!taken) GTEST_SKIP() << taken.error().message();
  const auto provider =
      make_huge_provider({.size = 5 * kHuge2M, .page_size = 2 * kHuge2M, .outside_size = 2 * kHuge2M}).value();
  const std::vector<Netmem> all = grant(*provider, 4);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(counter(*provider, "outside_granted"), 1u);
  EXPECT_EQ(provider->lasting_region()->backing_page(), kHuge2M);
  reclaim_all(*provider, {all[1]});
  const std::vector<Netmem> again = grant(*provider, 4);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].index(), 1u);
  reclaim_all(*provider, {all[0], again[0], all[2]});
}

TEST_F(Huge, OnlyAFewHugePagesAreLookedAtAndTheNextGrantGoesOnFromThere) {
  const auto provider = make_of(12, 0);
  if (!provider) GTEST_SKIP() << reason;
  const std::vector<Netmem> all = grant(*provider, 48);
  ASSERT_EQ(all.size(), 48u);
  reclaim_all(*provider, {all[40], all[41], all[42], all[43]});
  EXPECT_TRUE(grant(*provider, 4).empty());
  EXPECT_EQ(counter(*provider, "inside_busy"), 8u);
  EXPECT_EQ(grant(*provider, 4).size(), 4u);
  EXPECT_EQ(counter(*provider, "inside_busy"), 10u);
}

TEST_F(Huge, WithoutAFreeHugePageTransientPagesComeFromOutsideAndGoBackToTheSystem) {
  const auto provider = make_of(1, MiB);
  if (!provider) GTEST_SKIP() << reason;
  const std::vector<Netmem> pages = grant(*provider, 8);
  ASSERT_EQ(pages.size(), 6u) << "four inside, two outside, and no more";
  EXPECT_FALSE(pages[3].region().is_transient());
  EXPECT_TRUE(pages[4].region().is_transient());
  EXPECT_NE(pages[4].descriptor().refs.load() & Descriptor::kTransient, 0u);
  EXPECT_EQ(pages[4].region().backing_page(), 4096u);
  EXPECT_EQ(dma->mapped(), 3u) << "each block from outside is registered";
  const auto* const outside = reinterpret_cast<const void*>(pages[4].descriptor().address);
  reclaim_all(*provider, pages);
  EXPECT_EQ(dma->mapped(), 1u);
  EXPECT_FALSE(backing_page_size(outside)) << "its addresses are mapped no more";
  EXPECT_EQ(counter(*provider, "inside_granted"), 4u);
  EXPECT_EQ(counter(*provider, "inside_reclaimed"), 4u);
  EXPECT_EQ(counter(*provider, "outside_granted"), 2u);
  EXPECT_EQ(counter(*provider, "outside_reclaimed"), 2u);
}

TEST_F(Huge, MissingHugePagesNameTheFileAndTheNumberToWrite) {
  const auto some = HugePagesNeed::take(3, kHuge2M);
  if (!some) GTEST_SKIP() << some.error().message();
  const auto used = make_huge_provider({.size = kHuge2M}).value();  // 3 in all, 2 free
  const auto made = make_huge_provider({.size = 5 * kHuge2M});
  ASSERT_FALSE(made);
  std::size_t present = 0;
  std::ifstream(huge_pages_file(kHuge2M)) >> present;
  EXPECT_EQ(made.error().message(), "cannot take 5 2 MiB huge pages: the kernel has too few of them free; write " +
                                        std::to_string(present + 3) +
                                        " to /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
  std::ofstream(huge_pages_file(kHuge2M)) << present + 3 << std::flush;
  EXPECT_TRUE(make_huge_provider({.size = 5 * kHuge2M})) << "the advice helps";
}

TEST_F(Huge, LessThanOneHugePageIsRefused) {
  const auto made = make_huge_provider({.size = 2 * MiB - 1});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(),
            "cannot make a huge provider: 2.0 MiB hold no page of 2 MiB; give it a multiple of 2M");
}

TEST(BackingPage, IsReadBackFromTheKernel) {
  int on_the_stack = 0;
  EXPECT_EQ(backing_page_size(&on_the_stack).value(), 4096u);
  EXPECT_FALSE(backing_page_size(nullptr));
}

}  // namespace
}  // namespace netmem
