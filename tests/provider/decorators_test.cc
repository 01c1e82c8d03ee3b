#include "netmem/core/reference.h"
#include "netmem/providers/decorators/fail_nth.h"
#include "netmem/providers/decorators/limit.h"
#include "netmem/providers/host/host.h"
#include "tests/provider/conformance.h"

namespace netmem {
namespace {

Made host(const Wanted& wanted) {
  return make_host_provider({.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
}

INSTANTIATE_TEST_SUITE_P(Limit, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                           auto inner = host({2 * wanted.size, wanted.page_size, wanted.dma});
                           return inner ? make_limit_provider(std::move(*inner), wanted.size) : inner;
                         }}));

INSTANTIATE_TEST_SUITE_P(FailNth, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                           auto inner = host(wanted);
                           return inner ? make_fail_nth_provider(std::move(*inner), 1'000'000'000) : inner;
                         }}));

std::shared_ptr<MemoryProvider> small_host() { return host({1 << 20, 4096}).value(); }

TEST(Limit, GrantsNoMoreThanItsBudgetAndTheRestLater) {
  const auto inner = small_host();
  const auto limit = make_limit_provider(inner, 10 * 4096 + 4095).value();
  std::vector<Netmem> pages = grant_all(*limit, 7);
  EXPECT_EQ(pages.size(), 10u);
  EXPECT_EQ(counter(*limit, "limit_granted"), 10u * 4096);
  EXPECT_EQ(counter(*limit, "limit_refused"), 4u + 7u);
  EXPECT_EQ(inner->free_pages(), 256u - 10);
  reclaim_all(*limit, {pages[3]});
  EXPECT_EQ(grant_all(*limit).size(), 1u);
}

TEST(Limit, TwoBudgetsShareOneProvider) {
  const auto inner = small_host();
  const auto one = make_limit_provider(inner, 200 * 4096).value();
  const auto two = make_limit_provider(inner, 200 * 4096).value();
  const std::vector<Netmem> first = grant_all(*one);
  const std::vector<Netmem> second = grant_all(*two);
  EXPECT_EQ(first.size(), 200u);
  EXPECT_EQ(second.size(), 56u) << "the provider itself has no more";
  EXPECT_EQ(counter(*two, "limit_granted"), 56u * 4096) << "what the provider did not give is not charged";
  reclaim_all(*one, first);
  reclaim_all(*two, second);
  EXPECT_EQ(inner->free_pages(), 256u);
}

TEST(Limit, APageThatLeavesItsPoolForGoodLeavesTheBudget) {
  const auto inner = small_host();
  const auto limit = make_limit_provider(make_limit_provider(inner, 4 * 4096).value(), 2 * 4096).value();
  const std::vector<Netmem> pages = grant_all(*limit);
  ASSERT_EQ(pages.size(), 2u);
  limit->disconnected_page_leaves();
  pages[0].descriptor().refs.fetch_or(Descriptor::kDisconnected);
  EXPECT_EQ(counter(*limit, "limit_disconnected"), 1u);
  EXPECT_EQ(counter(*limit, "limit_granted"), 4096u);
  std::vector<Netmem> more = grant_all(*limit);
  ASSERT_EQ(more.size(), 1u);
  drop(pages[0]);
  EXPECT_EQ(counter(*limit, "limit_granted"), 2u * 4096) << "its return must not be booked a second time";
  reclaim_all(*limit, {pages[1], more[0]});
  EXPECT_EQ(counter(*limit, "limit_granted"), 0u);
  EXPECT_EQ(inner->free_pages(), 256u);
}

TEST(LimitDeathTest, PagesThatItDidNotGrantStopTheProgram) {
  const auto inner = small_host();
  const auto limit = make_limit_provider(inner, 4096).value();
  const std::vector<Netmem> pages = grant_all(*inner);
  EXPECT_DEATH(reclaim_all(*limit, {pages[0]}), "limit of 1 pages: 1 came back that were not granted here");
}

TEST(Limit, NothingToLimitAndBudgetsOfLessThanAPageAreRefused) {
  EXPECT_FALSE(make_limit_provider(nullptr, 4096));
  EXPECT_FALSE(make_limit_provider(small_host(), 0));
  EXPECT_FALSE(make_limit_provider(small_host(), 4095));
}

TEST(FailNth, OneGrantFailsAndAllOthersAreTheProviders) {
  for (std::uint64_t n = 1; n < 6; ++n) {
    const auto provider = make_fail_nth_provider(small_host(), n).value();
    for (std::uint64_t call = 1; call < 8; ++call) {
      Netmem page;
      EXPECT_EQ(provider->grant({&page, 1}), call == n ? 0u : 1u) << "call " << call << " of n = " << n;
    }
    EXPECT_EQ(counter(*provider, "fail_nth_grants"), 7u);
    EXPECT_EQ(counter(*provider, "fail_nth_failed"), 1u);
  }
}

TEST(FailNth, EveryNthGrantFailsWhenAskedTo) {
  const auto provider = make_fail_nth_provider(small_host(), 3, FailNth::every).value();
  for (int call = 1; call < 10; ++call) {
    Netmem page;
    EXPECT_EQ(provider->grant({&page, 1}), call % 3 == 0 ? 0u : 1u) << "call " << call;
  }
  EXPECT_EQ(counter(*provider, "fail_nth_failed"), 3u);
}

TEST(FailNth, NothingToWrapAndTheZerothGrantAreRefused) {
  EXPECT_FALSE(make_fail_nth_provider(nullptr, 1));
  EXPECT_FALSE(make_fail_nth_provider(small_host(), 0));
}

}  // namespace
}  // namespace netmem
