#include "netmem/ports/stream/page_run.h"

#include "netmem/ports/stream/port_test_support.h"

namespace netmem::testing {
namespace {

TEST(PageRun, WhatIsPutBackIsInThePoolAgain) {
  const auto pool = make_pool(host_memory(8));
  PageRun run(*pool, 4 * 4096, 0);
  ASSERT_TRUE(run.gather({}, 4));
  EXPECT_EQ(run.pages(), 4u);
  EXPECT_EQ(pool->counters().inflight(), 4);
  run.put_back();
  expect_balanced(*pool);
  ASSERT_TRUE(run.gather({}, 1));
  run.put_back();
}

TEST(PageRunDeathTest, WhatWasGatheredIsSettledFirst) {
  const auto pool = make_pool(host_memory(8));
  PageRun run(*pool, 4096, 0);
  ASSERT_TRUE(run.gather({}, 1));
  EXPECT_DEATH(run.gather({}, 1), "1 pages of the last read were neither settled nor put back");
  run.put_back();
}

}  // namespace
}  // namespace netmem::testing
