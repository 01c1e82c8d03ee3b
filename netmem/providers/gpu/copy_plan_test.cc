#include "netmem/providers/gpu/copy_plan.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace netmem {
namespace {

constexpr CopyPlan::Memory kMemory{.begin = 0x10000, .size = 4096};

class CopyPlanTest : public testing::Test {
 protected:
  CopyPlanTest() {
    for (std::size_t i = 0; i <= kManyCopies; ++i) add(kMemory.begin + 64 * i, 64);
  }
  void add(DeviceAddress device, std::size_t size) {
    batch_.push_back(
        {.direction = DeviceCopy::Direction::to_device, .device = device, .host = host_.data(), .size = size});
  }

  std::array<std::byte, kSmallCopy> host_{};
  std::vector<DeviceCopy> batch_;
  CopyPlan plan_;
};

TEST_F(CopyPlanTest, ManySmallCopiesGoTogether) {
  EXPECT_TRUE(plan_.divide(batch_, kMemory));
  EXPECT_EQ(plan_.together().size(), batch_.size());
  EXPECT_TRUE(plan_.alone().empty());
}

TEST_F(CopyPlanTest, FewDoNot) {
  batch_.pop_back();
  EXPECT_FALSE(plan_.divide(batch_, kMemory));
}

TEST_F(CopyPlanTest, WhatLeavesTheMemoryGoesAlone) {
  const std::size_t inside = batch_.size();
  add(kMemory.begin + 4096 - 64, 64);  // to its last byte
  add(kMemory.begin - 64, 64);
  add(kMemory.begin + 4096, 64);
  add(kMemory.begin + 0x100000, 64);
  EXPECT_TRUE(plan_.divide(batch_, kMemory));
  EXPECT_EQ(plan_.together().size(), inside + 1);
  EXPECT_EQ(plan_.alone().size(), 3u);
}

TEST_F(CopyPlanTest, WhatReachesOverTheEndGoesAlone) {
  add(kMemory.begin + 4096 - 63, 64);
  EXPECT_TRUE(plan_.divide(batch_, kMemory));
  ASSERT_EQ(plan_.alone().size(), 1u);
  EXPECT_EQ(plan_.alone()[0].device, kMemory.begin + 4096 - 63);
}

TEST_F(CopyPlanTest, LargeOnesGoAlone) {
  const CopyPlan::Memory large{.begin = kMemory.begin, .size = 2 * kSmallCopy};
  add(large.begin + 4096, kSmallCopy);
  EXPECT_TRUE(plan_.divide(batch_, large));
  EXPECT_EQ(plan_.alone().size(), 1u);
}

TEST_F(CopyPlanTest, CopiesThatOverlapKeepTheirOrder) {
  add(kMemory.begin + 63, 64);
  EXPECT_FALSE(plan_.divide(batch_, kMemory));
}

}  // namespace
}  // namespace netmem
