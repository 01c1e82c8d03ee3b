// Receiving costs no heap allocation and no system call per page, once a port is warm.
#include <gtest/gtest.h>

#include "netmem/ports/stream/port_test_support.h"
#include "netmem/providers/decorators/decorator.h"
#include "tests/support/eventually.h"
#include "tests/support/heap_counter.h"

namespace netmem::testing {
namespace {

// Says of each copy once that it is not done yet.
class LateEngine final : public CopyEngine {
 public:
  explicit LateEngine(CopyEngine& inner) : inner_(inner) {}
  Result<void> copy_in(std::span<const CopyIn> batch) override { return inner_.copy_in(batch); }
  Result<void> copy_out(std::span<const CopyOut> batch) override { return inner_.copy_out(batch); }
  Result<CopyTicket> begin_copy_in(std::span<const CopyIn> batch) override {
    if (auto copied = inner_.copy_in(batch); !copied) return std::unexpected(copied.error());
    asked_ = false;
    return CopyTicket{++tickets_};
  }
  Result<bool> poll(CopyTicket /*ticket*/) override { return std::exchange(asked_, true); }

 private:
  CopyEngine& inner_;
  std::uint64_t tickets_ = 0;
  bool asked_ = false;
};

class LateMemory final : public Decorator {
 public:
  explicit LateMemory(std::shared_ptr<MemoryProvider> wrapped)
      : Decorator(std::move(wrapped)), engine_(inner().copy_engine()) {}
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

 private:
  LateEngine engine_;
};

struct Way {
  const char* name;
  Landing landing;
  bool late = false;
};

class TcpSteadyState : public ::testing::TestWithParam<Way> {
 protected:
  // Delivers `rounds` times 128 KiB over one connection; what it allocated on the way.
  std::uint64_t receive(int rounds) {
    const std::string text = pattern(32 * 4096, 1);
    const std::uint64_t before = heap_allocations();
    for (int i = 0; i < rounds; ++i) {
      send_all(sockets_.far.get(), text);
      std::size_t got = 0;
      while (got < text.size()) {
        const std::size_t count = port_->receive(out_, kLimitMs).value();
        for (std::size_t d = 0; d < count; ++d) {
          got += out_[d].view.size();
          out_[d].view.reset();
        }
      }
    }
    return heap_allocations() - before;
  }
  void SetUp() override {
    port_ = TcpPort::create(*pool_, {.landing = GetParam().landing, .staging = staging_.get()}).value();
    const int size = 512 * 1024;
    ASSERT_EQ(::setsockopt(sockets_.far.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    ASSERT_TRUE(port_->adopt(std::move(sockets_.near)));
  }

  PagePoolPtr pool_ = make_pool(GetParam().late ? std::make_shared<LateMemory>(host_memory(256)) : host_memory(256));
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
  if (GetParam().late) GTEST_SKIP() << "while copies are under way it looks at the sockets again and again";
  receive(3);
  const std::uint64_t calls = counter(*port_, "reads") + counter(*port_, "waits");
  const std::uint64_t pages = counter(*port_, "pages");
  receive(50);
  EXPECT_EQ(counter(*port_, "pages") - pages, 50u * 32);
  EXPECT_LE(counter(*port_, "reads") + counter(*port_, "waits") - calls, 50u * 2);
}

INSTANTIATE_TEST_SUITE_P(Landing, TcpSteadyState,
                         ::testing::Values(Way{"Direct", Landing::direct}, Way{"Staged", Landing::staged},
                                           Way{"StagedLate", Landing::staged, true}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace netmem::testing
