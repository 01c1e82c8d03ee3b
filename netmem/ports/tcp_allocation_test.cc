// Receiving costs no heap allocation and no system call per page, once a port is warm.
#include <gtest/gtest.h>

#include "netmem/ports/port_test_support.h"
#include "tests/support/heap_counter.h"

namespace netmem::testing {
namespace {

class TcpSteadyState : public ::testing::TestWithParam<Landing> {
 protected:
  // Delivers `rounds` times 128 KiB over one connection; what it allocated on the way.
  std::uint64_t receive(int rounds) {
    const std::string text = pattern(32 * 4096, 1);
    const std::uint64_t before = heap_allocations();
    for (int i = 0; i < rounds; ++i) {
      send_all(sockets_.far.get(), text);
      std::size_t got = 0;
      while (got < text.size()) {
        const std::size_t count = port_->receive(out_, 60'000).value();
        for (std::size_t d = 0; d < count; ++d) {
          got += out_[d].view.size();
          out_[d].view.reset();
        }
      }
    }
    return heap_allocations() - before;
  }
  void SetUp() override {
    port_ = TcpPort::create(*pool_, {.landing = GetParam(), .staging = staging_.get()}).value();
    const int size = 512 * 1024;
    ASSERT_EQ(::setsockopt(sockets_.far.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    ASSERT_TRUE(port_->adopt(std::move(sockets_.near)));
  }

  PagePoolPtr pool_ = make_pool(host_memory(256));
  PagePoolPtr staging_ = make_pool(host_memory(256), "staging");
  SocketPair sockets_;
  std::unique_ptr<TcpPort> port_;
  std::vector<Delivery> out_ = std::vector<Delivery>(128);
};

TEST_P(TcpSteadyState, AllocatesNoHeapMemory) {
#ifdef NETMEM_UNDER_SANITIZER
  GTEST_SKIP() << "the sanitizer has its own operator new";
#endif
  const std::uint64_t before = heap_allocations();
  const auto probe = std::make_unique<std::string>();
  ASSERT_NE(heap_allocations(), before) << "allocations are not counted";
  receive(3);
  EXPECT_EQ(receive(50), 0u);
}

TEST_P(TcpSteadyState, MakesNoSystemCallPerPage) {
  receive(3);
  const std::uint64_t calls = counter(*port_, "reads") + counter(*port_, "waits");
  const std::uint64_t pages = counter(*port_, "pages");
  receive(50);
  EXPECT_EQ(counter(*port_, "pages") - pages, 50u * 32);
  EXPECT_LE(counter(*port_, "reads") + counter(*port_, "waits") - calls, 50u * 2);
}

INSTANTIATE_TEST_SUITE_P(Landing, TcpSteadyState, ::testing::Values(Landing::direct, Landing::staged),
                         [](const auto& one) { return one.param == Landing::direct ? "Direct" : "Staged"; });

}  // namespace
}  // namespace netmem::testing
