// What a port does when its pool has no page: it waits, in order, without spinning, and loses nothing.
#include <gtest/gtest.h>

#include "netmem/core/memory_provider.h"
#include "netmem/ports/stream/port_test_support.h"
#include "tests/support/eventually.h"

namespace netmem::testing {
namespace {

std::vector<std::string> texts_of(std::size_t count, std::size_t size) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(pattern(size + i, i));
  return texts;
}

struct Starved {
  std::size_t pages;
  Landing landing;
};
class TcpBackpressure : public ::testing::TestWithParam<Starved> {};

TEST_P(TcpBackpressure, SixtyFourConnectionsShareAFewPages) {
  const auto pool = make_pool(host_memory(GetParam().pages));
  const auto staging = make_pool(host_memory(GetParam().pages), "staging");
  auto port = TcpPort::create(*pool, {.landing = GetParam().landing, .staging = staging.get()}).value();
  ASSERT_TRUE(port->listen("127.0.0.1:0"));
  auto texts = texts_of(64, 30'000);
  {
    const Senders senders(*port, texts);
    Collector program(*port);
    program.receive_until_gone(64);
    EXPECT_EQ(program.ended, 64u);
    std::ranges::sort(texts);
    EXPECT_TRUE(program.sorted_texts() == texts);
  }
  expect_balanced(*port);
  expect_balanced(*pool);
  expect_balanced(*staging);
}

INSTANTIATE_TEST_SUITE_P(Pages, TcpBackpressure,
                         ::testing::Values(Starved{1, Landing::direct}, Starved{2, Landing::direct},
                                           Starved{8, Landing::direct}, Starved{1, Landing::staged},
                                           Starved{8, Landing::staged}),
                         [](const auto& one) {
                           return (one.param.landing == Landing::direct ? "Direct" : "Staged") +
                                  std::to_string(one.param.pages);
                         });

// A pool whose pages the program holds, and connections that have something to say.
struct DryPort {
  PagePoolPtr pool = make_pool(host_memory(4));
  std::unique_ptr<TcpPort> port = TcpPort::create(*pool).value();
  std::vector<Ref> held;
  std::vector<Fd> senders;
  std::vector<ConnectionId> ids;

  explicit DryPort(std::size_t connections, std::size_t size = 1000) {
    while (const Netmem page = pool->try_alloc()) held.emplace_back(page);
    for (std::size_t i = 0; i < connections; ++i) {
      SocketPair sockets;
      send_all(sockets.far.get(), pattern(size, i));
      senders.push_back(std::move(sockets.far));
      ids.push_back(port->adopt(std::move(sockets.near)).value());
    }
  }
  ~DryPort() {
    held.clear();
    port.reset();
    expect_balanced(*pool);
  }
};

TEST(TcpStarving, DoesNotSpin) {
  DryPort dry(10);
  Collector program(*dry.port);
  EXPECT_EQ(program.receive(100), 0u);
  EXPECT_EQ(counter(*dry.port, "starved"), 10u);
  EXPECT_EQ(counter(*dry.port, "starved_now"), 10u);
  // 1, 2, 4, 5, 5, ... ms: a wait that returned at once, as one on a ready descriptor does, would show in thousands.
  EXPECT_LE(counter(*dry.port, "waits"), 40u);
}

TEST(TcpStarving, EndsWhenPagesComeHomeAndNobodyIsPassedOver) {
  DryPort dry(10);
  Collector program(*dry.port);
  EXPECT_EQ(program.receive(0), 0u);
  dry.held.resize(1);
  while (program.views < 10) ASSERT_NE(program.receive(kLimitMs), 0u);
  for (std::size_t i = 0; i < dry.ids.size(); ++i) EXPECT_TRUE(program.texts[dry.ids[i]] == pattern(1000, i));
  EXPECT_EQ(counter(*dry.port, "starved_now"), 0u);
}

TEST(TcpStarving, TurnsAreTakenInTheOrderOfWaiting) {
  DryPort dry(5, 2 * 4096);
  Collector program(*dry.port, 1);  // room for one delivery in each call
  EXPECT_EQ(program.receive(0), 0u);
  std::vector<ConnectionId> order;
  program.on_view = [&](ConnectionId id, View) { order.push_back(id); };
  dry.held.resize(3);  // one page for all of them, and two pages to read for each
  for (int i = 0; i < 10; ++i) ASSERT_EQ(program.receive(kLimitMs), 1u);
  std::vector<ConnectionId> twice = dry.ids;
  twice.insert(twice.end(), dry.ids.begin(), dry.ids.end());
  EXPECT_EQ(order, twice);
}

TEST(TcpStarving, APeerThatHasFinishedNeedsNoPage) {
  DryPort dry(0);
  SocketPair silent;
  ASSERT_TRUE(dry.port->adopt(std::move(silent.near)));
  silent.far.reset();
  Collector program(*dry.port);
  EXPECT_EQ(program.receive(kLimitMs), 1u);
  EXPECT_EQ(program.ended, 1u);
}

TEST(TcpStarving, StarvedConnectionsCanBeClosed) {
  DryPort dry(3);
  Collector program(*dry.port);
  EXPECT_EQ(program.receive(0), 0u);
  dry.port->close(dry.ids[1]);
  EXPECT_EQ(counter(*dry.port, "starved_now"), 2u);
  dry.held.clear();
  while (program.views < 2) ASSERT_NE(program.receive(kLimitMs), 0u);
  EXPECT_EQ(program.texts.count(dry.ids[1]), 0u);
}

TEST(TcpStarving, ViewsLeftInTheProgramsSpanDoNotStarveIt) {
  const auto pool = make_pool(host_memory(1));
  auto port = TcpPort::create(*pool).value();
  SocketPair sockets;
  ASSERT_TRUE(port->adopt(std::move(sockets.near)));
  std::vector<Delivery> out(4);
  for (int i = 0; i < 3; ++i) {
    send_all(sockets.far.get(), pattern(4096, 1));
    EXPECT_EQ(port->receive(out, kLimitMs).value(), 1u);
  }
  out.clear();
  port.reset();
  expect_balanced(*pool);
}

TEST(TcpStarving, AnIdleConnectionGivesUpItsOpenPage) {
  const auto pool = make_pool(host_memory(1));
  auto port = TcpPort::create(*pool).value();
  SocketPair idle, busy;
  const ConnectionId first = port->adopt(std::move(idle.near)).value();
  const ConnectionId second = port->adopt(std::move(busy.near)).value();
  Collector program(*port);
  send_all(idle.far.get(), "idle");
  EXPECT_EQ(program.receive(kLimitMs), 1u);
  send_all(busy.far.get(), "busy");
  EXPECT_EQ(program.receive(kLimitMs), 1u);
  EXPECT_EQ(counter(*port, "open_pages_given_up"), 1u);
  EXPECT_EQ(counter(*port, "starved"), 0u);
  EXPECT_EQ(program.texts[first] + program.texts[second], "idlebusy");
  port.reset();
  expect_balanced(*pool);
}

// Host memory whose n-th grant gives nothing.
class FailNth final : public MemoryProvider {
 public:
  FailNth(std::shared_ptr<MemoryProvider> inner, int nth) : inner_(std::move(inner)), left_(nth) {}

  std::size_t grant(std::span<Netmem> out) noexcept override {
    return --left_ == 0 ? 0 : inner_->grant(out.first(1));  // one by one: more grants to fail
  }
  void reclaim(std::span<const Netmem> pages) noexcept override { inner_->reclaim(pages); }
  [[nodiscard]] std::string name() const override { return "fail_nth"; }
  [[nodiscard]] std::string describe() const override { return "fail_nth over " + inner_->describe(); }
  [[nodiscard]] unsigned page_shift() const override { return inner_->page_shift(); }
  [[nodiscard]] bool is_device() const override { return inner_->is_device(); }
  void visit_regions(const RegionVisitor& visit) const override { inner_->visit_regions(visit); }
  [[nodiscard]] const Region* lasting_region() const override { return inner_->lasting_region(); }
  [[nodiscard]] std::size_t free_pages() const override { return inner_->free_pages(); }
  [[nodiscard]] CopyEngine& copy_engine() override { return inner_->copy_engine(); }

 private:
  std::shared_ptr<MemoryProvider> inner_;
  int left_;
};

TEST(TcpStarving, AGrantThatFailsOnceLosesNothing) {
  for (int nth = 1; nth <= 20; ++nth) {
    const auto pool = make_pool(std::make_shared<FailNth>(host_memory(12), nth));
    auto port = TcpPort::create(*pool, {.read_size = 16 * KiB}).value();
    ASSERT_TRUE(port->listen("127.0.0.1:0"));
    auto texts = texts_of(3, 50'000);
    {
      const Senders senders(*port, texts);
      Collector program(*port);
      program.receive_until_gone(3);
      std::ranges::sort(texts);
      EXPECT_TRUE(program.sorted_texts() == texts) << "grant " << nth;
    }
    expect_balanced(*port);
    port.reset();
    expect_balanced(*pool);
  }
}

}  // namespace
}  // namespace netmem::testing
