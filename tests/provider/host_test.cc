#include "netmem/providers/host/host.h"

#include "tests/provider/conformance.h"

namespace netmem {
namespace {

INSTANTIATE_TEST_SUITE_P(Host, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                           return make_host_provider(
                               {.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
                         }}));

TEST(HostProvider, MoreThanTheMachineHasIsRefused) {
  const auto made = make_host_provider({.size = std::size_t{1} << 50});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("1024 TiB is more than the "), std::string::npos) << made.error().message();
}

TEST(HostProvider, ASizeThatIsNoMultipleOfThePageSizeLosesTheRest) {
  const auto made = make_host_provider({.size = 100'000, .page_size = 64 * 1024});
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)->free_pages(), 1u);
}

TEST(HostProviderDeathTest, MorePagesThanTheRegionHasStopTheProgram) {
  const auto provider = make_host_provider({.size = 8192}).value();
  const Netmem page = grant_all(*provider)[0];
  reclaim_all(*provider, {page});
  EXPECT_DEATH(
      {
        provider->reclaim({&page, 1});
        provider->reclaim({&page, 1});
      },
      "region host:8 KiB: more pages came back than it has");
}

}  // namespace
}  // namespace netmem
