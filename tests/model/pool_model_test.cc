#include "tests/model/pool_model.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace netmem::model {
namespace {

class PoolModel : public testing::TestWithParam<std::uint32_t> {};

// Each seed is reproducible: the difference, if any, stops the program with the counter and both values.
TEST_P(PoolModel, PoolAndModelAgreeOnEveryStep) {
  std::mt19937 random(GetParam());
  std::vector<std::uint8_t> bytes(3 * 20'000);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  std::span<const std::uint8_t> input(bytes);
  Driver driver;
  while (driver.step(input)) {
  }
  driver.finish();
}

INSTANTIATE_TEST_SUITE_P(Seeds, PoolModel, testing::Range(1U, 25U));

}  // namespace
}  // namespace netmem::model
