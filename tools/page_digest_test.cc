#include "tools/page_digest.h"

#include <gtest/gtest.h>

#include <random>

#include "netmem/base/crc32c.h"
#include "netmem/base/units.h"
#include "netmem/core/page.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/mapped/device.h"
#include "tests/support/pool_checks.h"

namespace netmem::tool {
namespace {

// Computes when somebody waits, and fails when it is told to.
class LateEngine final : public CopyEngine {
 public:
  explicit LateEngine(CopyEngine& real) : real_(real) {}
  Result<void> copy_in(std::span<const CopyIn> batch) override { return real_.copy_in(batch); }
  Result<void> copy_out(std::span<const CopyOut> batch) override { return real_.copy_out(batch); }
  Result<CopyTicket> begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) override {
    if (refuses) return refused("compute", "it was told to refuse");
    pieces_ = pieces;
    crcs_ = crcs;
    return static_cast<CopyTicket>(++begun);
  }
  Result<void> wait(CopyTicket ticket) override {
    EXPECT_EQ(static_cast<int>(ticket), ++ended) << "one batch at a time";
    if (fails) return refused("compute", "the cable is loose");
    if (auto done = real_.begin_crc32c(pieces_, crcs_); !done) return std::unexpected(done.error());
    return {};
  }

  int begun = 0, ended = 0;
  bool refuses = false, fails = false;

 private:
  CopyEngine& real_;
  std::span<const GatherPiece> pieces_;
  std::span<std::uint32_t> crcs_;
};

struct PageDigestTest : testing::Test {
  std::shared_ptr<MemoryProvider> memory = make_memfd_provider({.size = 1 * MiB}).value();
  PagePoolPtr pool = PagePool::create(memory, {.allow_unreadable = true}).value();
  PagePoolPtr host = PagePool::create(make_host_provider({.size = 1 * MiB}).value()).value();
  LateEngine engine{memory->copy_engine()};
  std::mt19937 random{42};

  // A page with noise from `offset` on.
  Netmem filled(PagePool& from, std::uint32_t offset, std::vector<std::byte>& noise) {
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random());
    const Netmem page = from.try_alloc();
    EXPECT_TRUE(from.provider().copy_engine().copy_in(std::array{CopyIn{page, offset, noise}}));
    return page;
  }
};

TEST_F(PageDigestTest, SumsOfSeveralStreamsWhereverTheirPagesAre) {
  PageDigest digest(&engine);
  std::array<PageDigest::Sum, 3> sums;
  std::array<std::uint32_t, 3> wanted{};
  for (int i = 0; i < 500; ++i) {
    const std::size_t stream = random() % 3;
    const auto offset = static_cast<std::uint32_t>(random() % 100);
    std::vector<std::byte> noise(random() % 3 == 0 ? 0 : random() % 3900);
    const Netmem page = filled(random() % 4 == 0 ? *host : *pool, offset, noise);
    digest.add(sums.at(stream), {page, offset, static_cast<std::uint32_t>(noise.size())});
    digest.hold(page);
    wanted.at(stream) = crc32c(noise, wanted.at(stream));
    const bool begins = random() % 10 == 0, finishes = random() % 50 == 0;
    ASSERT_TRUE(!begins || digest.begin());
    ASSERT_TRUE(!finishes || digest.finish());
  }
  ASSERT_TRUE(digest.finish());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(sums.at(i).crc, wanted.at(i));
  EXPECT_EQ(engine.begun, engine.ended);
  EXPECT_GT(engine.begun, 10);
  EXPECT_EQ(pool->counters().inflight(), 0);
  EXPECT_EQ(host->counters().inflight(), 0);
}

TEST_F(PageDigestTest, PrintsEightDigits) {
  EXPECT_EQ(PageDigest::Sum{}.hex(), "00000000");
  EXPECT_EQ(PageDigest::Sum{0xabc}.hex(), "00000abc");
}

TEST_F(PageDigestTest, PagesAreHeldUntilTheirBatchIsDone) {
  PageDigest digest(&engine);
  PageDigest::Sum sum;
  std::vector<std::byte> noise(10);
  const auto add = [&] {
    const Netmem page = filled(*pool, 0, noise);
    digest.add(sum, {page, 0, 10});
    digest.hold(page);
  };
  add();
  ASSERT_TRUE(digest.begin());
  EXPECT_TRUE(digest.under_way());
  add();
  EXPECT_EQ(pool->counters().inflight(), 2);
  ASSERT_TRUE(digest.begin());
  EXPECT_EQ(pool->counters().inflight(), 1);
  ASSERT_TRUE(digest.finish());
  EXPECT_FALSE(digest.under_way());
  EXPECT_EQ(pool->counters().inflight(), 0);
}

TEST_F(PageDigestTest, ErrorsAreToldAndThePagesComeHome) {
  std::vector<std::byte> noise(10);
  for (const bool refuses : {true, false}) {
    PageDigest digest(&engine);
    PageDigest::Sum sum;
    engine.refuses = refuses;
    engine.fails = !refuses;
    const Netmem page = filled(*pool, 0, noise);
    digest.add(sum, {page, 0, 10});
    digest.hold(page);
    const Result<void> begun = digest.begin();
    EXPECT_EQ(!begun, refuses);
    if (begun) {
      EXPECT_EQ(digest.finish().error().message(), "cannot compute: the cable is loose");
    }
  }
  EXPECT_EQ(pool->counters().inflight(), 0);
}

TEST_F(PageDigestTest, ItsEndWaitsAndDropsWhatWasNotBegun) {
  {
    PageDigest digest(&engine);
    PageDigest::Sum sum;
    std::vector<std::byte> noise(10);
    for (int i = 0; i < 2; ++i) {
      const Netmem page = filled(*pool, 0, noise);
      digest.add(sum, {page, 0, 10});
      digest.hold(page);
      ASSERT_TRUE(i != 0 || digest.begin());
    }
  }
  EXPECT_EQ(engine.ended, 1);
  EXPECT_EQ(pool->counters().inflight(), 0);
}

}  // namespace
}  // namespace netmem::tool
