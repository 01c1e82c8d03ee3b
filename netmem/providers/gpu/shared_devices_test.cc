#include "netmem/providers/gpu/shared_devices.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace netmem {
namespace {

// How many threads are in the library at a time, and how many devices are open.
struct Library {
  std::atomic<int> inside = 0, most_inside = 0, opened = 0, closed = 0;

  void call() {
    const int now = ++inside;
    int most = most_inside;
    while (now > most && !most_inside.compare_exchange_weak(most, now)) continue;
    std::this_thread::yield();
    --inside;
  }
};

class CountedDevice final : public DeviceApi {
 public:
  explicit CountedDevice(Library& library) : library_(library) {
    library_.call();
    ++library_.opened;
  }
  ~CountedDevice() override {
    library_.call();
    ++library_.closed;
  }
  [[nodiscard]] std::string name() const override { return "counted"; }
  [[nodiscard]] std::string describe() const override { return "counted:0"; }
  Result<DeviceAddress> allocate(std::size_t, std::size_t) override { return DeviceAddress{4096}; }
  void free(DeviceAddress) noexcept override {}
  Result<DeviceTicket> enqueue(std::span<const DeviceCopy>) override { return DeviceTicket{1}; }
  Result<bool> poll(DeviceTicket) override { return true; }
  Result<void> wait(DeviceTicket) override { return {}; }

 private:
  Library& library_;
};

struct SharedDevicesTest : testing::Test {
  std::shared_ptr<DeviceApi> open(int key) {
    return devices
        .open(key, [&]() -> Result<std::shared_ptr<DeviceApi>> { return std::make_shared<CountedDevice>(library); })
        .value();
  }

  Library library;
  std::mutex lock;
  SharedDevices<int> devices{lock};
};

TEST_F(SharedDevicesTest, AnOpenDeviceIsGivenToAllWhoAskForIt) {
  const auto one = open(1), again = open(1), other = open(2);
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
  EXPECT_EQ(library.opened, 2);
}

TEST_F(SharedDevicesTest, ADeviceIsClosedWithItsLastOwnerAndOpenedAnew) {
  for (int round = 1; round <= 3; ++round) {
    auto first = open(1), second = open(1);
    (round % 2 == 0 ? first : second).reset();
    EXPECT_EQ(library.closed, round - 1);
    first.reset();
    second.reset();
    EXPECT_EQ(library.opened, round);
    EXPECT_EQ(library.closed, round);
  }
}

TEST_F(SharedDevicesTest, AFailureIsToldAndTheNextTriesAgain) {
  const auto failed = devices.open(
      1, []() -> Result<std::shared_ptr<DeviceApi>> { return refused("open the device", "it is switched off"); });
  EXPECT_EQ(failed.error().message(), "cannot open the device: it is switched off");
  EXPECT_EQ(library.opened, 0);
  EXPECT_NE(open(1), nullptr);
  EXPECT_EQ(library.opened, 1);
}

TEST_F(SharedDevicesTest, OneThreadAtATimeOpensOrCloses) {
  constexpr int kThreads = 4, kRounds = 1000;
  std::latch all(kThreads);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      all.arrive_and_wait();
      for (int round = 0; round < kRounds; ++round) EXPECT_NE(open((thread + round) % 3), nullptr);
    });
  threads.clear();
  EXPECT_EQ(library.most_inside, 1);
  EXPECT_EQ(library.opened, library.closed);
}

// One thread waits to open a device whose last owner goes meanwhile in another, which then waits to close it.
TEST_F(SharedDevicesTest, ADeviceThatWasOpenedAnewIsNotForgottenWithTheOldOne) {
  for (int round = 0; round < 100; ++round) {
    auto before = open(1);
    const std::weak_ptr<DeviceApi> watched = before;
    std::shared_ptr<DeviceApi> anew;
    std::unique_lock held(lock);
    std::jthread opener([&] { anew = open(1); });
    std::this_thread::sleep_for(
        std::chrono::milliseconds(1));  // so that it mostly comes first; nothing is decided by it
    std::jthread closer([&] { before.reset(); });
    while (!watched.expired()) std::this_thread::yield();
    held.unlock();
    opener.join();
    closer.join();
    EXPECT_EQ(open(1), anew);
  }
}

}  // namespace
}  // namespace netmem
