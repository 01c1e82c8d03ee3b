#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <thread>
#include <vector>

#include "netmem/base/mapping.h"
#include "netmem/base/units.h"
#include "netmem/providers/common/huge_pages.h"
#include "tests/provider/huge_pages_need.h"

namespace netmem {
namespace {

void map_write_and_read(int times) {
  for (int i = 0; i < times; ++i) {
    const auto memory = Mapping::anonymous(2 * MiB, 4 * KiB);
    ASSERT_TRUE(memory) << memory.error().message();
    for (std::size_t at = 0; at < memory->size(); at += 64 * KiB) memory->data()[at] = std::byte{1};
    for (std::size_t at = 0; at < memory->size(); at += 64 * KiB) ASSERT_EQ(memory->data()[at], std::byte{1});
  }
}

// Linux gives an old mapping up before it finds that there is no huge page to put in its place.
TEST(MappingStress, AMappingThatFailsUnmapsNobodyElsesMemory) {
  const auto none = HugePagesNeed::take(0, kHuge2M);
  if (!none) GTEST_SKIP() << none.error().message();
  std::atomic<bool> stop = false;
  std::vector<std::jthread> failing;
  for (int i = 0; i < 2; ++i) {
    failing.emplace_back([&] {
      while (!stop) EXPECT_FALSE(map_huge_pages(1, kHuge2M));
    });
  }
  map_write_and_read(20'000);
  stop = true;
}

}  // namespace
}  // namespace netmem
