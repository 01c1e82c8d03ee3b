#include "netmem/base/spin_lock.h"

#include <gtest/gtest.h>

#include <latch>
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
  std::latch start(threads);
  {
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < threads; ++i) {
      all.emplace_back([&] {
        start.arrive_and_wait();
        for (int n = 0; n < kTimes; ++n) {
          const std::scoped_lock held(lock);
          const std::uint64_t before = count;
          if (n % 16 == 0) std::this_thread::yield();  // lets the others meet a lock that is held
          count = before + 1;
        }
      });
    }
  }
  EXPECT_EQ(count, std::uint64_t{threads} * kTimes);
}

}  // namespace
}  // namespace netmem
