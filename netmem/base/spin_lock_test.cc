#include "netmem/base/spin_lock.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

namespace netmem {
namespace {

TEST(SpinLockStress, ThreadsThatOutnumberTheProcessorsCountWithoutLoss) {
  constexpr int kTimes = 20'000;
  const unsigned threads = 2 * std::max(2U, std::thread::hardware_concurrency());
  SpinLock lock;
  std::uint64_t count = 0;
  {
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < threads; ++i) {
      all.emplace_back([&] {
        for (int n = 0; n < kTimes; ++n) {
          const std::scoped_lock held(lock);
          count = count + 1;
        }
      });
    }
  }
  EXPECT_EQ(count, std::uint64_t{threads} * kTimes);
}

}  // namespace
}  // namespace netmem
