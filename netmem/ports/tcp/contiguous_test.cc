// Messages of a known length: each lands in one piece, in whatever pieces it was sent.
#include <set>

#include "netmem/ports/stream/port_test_support.h"
#include "netmem/providers/gpu/gpu.h"
#include "netmem/providers/mapped/device.h"
#include "tests/support/eventually.h"
#include "tests/support/late_device.h"

namespace netmem::testing {
namespace {

constexpr std::size_t kPage = 16 * KiB;

struct Memory {
  const char* name;
  std::shared_ptr<MemoryProvider> (*make)(std::size_t pages);
  Landing landing;
};

std::shared_ptr<MemoryProvider> make_host(std::size_t pages) { return host_memory(pages, kPage); }
std::shared_ptr<MemoryProvider> make_memfd(std::size_t pages) {
  return make_memfd_provider({.size = pages * kPage, .page_size = kPage}).value();
}
std::shared_ptr<MemoryProvider> make_late(std::size_t pages) {
  const auto device = std::make_shared<LateDevice>();
  device->polls = 3;
  return make_gpu_provider(device, {.size = pages * kPage, .page_size = kPage}).value();
}
constexpr Memory kMemories[] = {{"Host", make_host, Landing::direct},
                                {"HostStaged", make_host, Landing::staged},
                                {"Memfd", make_memfd, Landing::direct},
                                {"Gpu", make_late, Landing::staged}};

// What arrived on each connection, and whether it came as it should.
class Messages {
 public:
  Messages(TcpPort& port, std::size_t message_size, std::size_t room) : program(port, room), size_(message_size) {
    program.on_view = [this](ConnectionId id, const View& view) { take(id, view); };
  }
  Collector program;

 private:
  void take(ConnectionId id, const View& view) {
    EXPECT_EQ(view.offset(), 0u) << "a message begins inside a page";
    EXPECT_LE(view.size(), size_);
    EXPECT_TRUE(short_.insert(id).second) << "a message follows a short one";
    if (view.size() == size_) short_.erase(id);
    program.texts[id] += text_of(view);
  }
  std::size_t size_;
  std::set<ConnectionId> short_;
};

// Sends in pieces of odd sizes, some of them in several messages.
void send_chopped(int socket, std::string_view text, std::size_t seed) {
  while (!text.empty()) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    const std::size_t size = std::min(text.size(), (seed >> 40) % (seed % 3 == 0 ? 20'000 : 3'000) + 1);
    send_all(socket, text.substr(0, size));
    text.remove_prefix(size);
  }
}

struct Receiver {
  PagePoolPtr pool;
  PagePoolPtr staging = make_pool(host_memory(8), "staging");
  std::unique_ptr<TcpPort> port;

  Receiver(const Memory& memory, std::size_t pages, std::size_t message_size)
      : pool(make_pool(memory.make(pages))),
        port(TcpPort::create(*pool, {.landing = memory.landing, .staging = staging.get(), .message_size = message_size})
                 .value()) {}
  ~Receiver() {
    if (port) expect_balanced(*port);
    port.reset();
    expect_balanced(*pool);
    expect_balanced(*staging);
  }
};

class TcpContiguous : public ::testing::TestWithParam<Memory> {
 protected:
  // Several connections, each with a text of `size` bytes and a few more.
  static void transfer(std::size_t message_size, std::size_t size, std::size_t connections, std::size_t pages,
                       std::size_t room) {
    Receiver receiver(GetParam(), pages, message_size);
    ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < connections; ++i) texts.push_back(pattern(size + i, i));
    std::vector<std::jthread> senders;
    for (std::size_t i = 0; i < connections; ++i)
      senders.emplace_back([&, i] {
        const Fd socket = dial(*receiver.port);
        send_chopped(socket.get(), texts[i], i);
      });
    Messages messages(*receiver.port, message_size, room);
    messages.program.receive_until_gone(connections);
    EXPECT_EQ(messages.program.ended, connections);
    std::size_t expected = 0;
    for (const std::string& text : texts) expected += (text.size() + message_size - 1) / message_size;
    EXPECT_EQ(messages.program.views, expected);
    EXPECT_EQ(counter(*receiver.port, "views"), expected);
    EXPECT_EQ(counter(*receiver.port, "pages"), expected);
    EXPECT_EQ(counter(*receiver.port, "open_pages_given_up"), 0u);
    EXPECT_EQ(counter(*receiver.port, "abandoned_bytes"), 0u);
    std::ranges::sort(texts);
    EXPECT_TRUE(messages.program.sorted_texts() == texts) << "messages of " << message_size;
  }
};

TEST_P(TcpContiguous, MessagesOfAnySizeLandInOnePiece) {
  for (const std::size_t message :
       {std::size_t{7}, std::size_t{1460}, std::size_t{4096}, std::size_t{4097}, kPage - 1, kPage})
    transfer(message, std::min<std::size_t>(100'000, 2'000 * message), 3, 32, 256);
}

TEST_P(TcpContiguous, AMessageMayBeAByte) { transfer(1, 500, 2, 32, 256); }

TEST_P(TcpContiguous, MoreConnectionsThanPagesTakeTurns) {
  for (const std::size_t pages : {1U, 2U, 5U}) transfer(10'000, 45'000, 8, pages, 256);
}

TEST_P(TcpContiguous, TheProgramsSpanMayHaveRoomForOne) { transfer(5'000, 33'333, 3, 4, 1); }

TEST_P(TcpContiguous, APartOfAMessageIsNotDeliveredBeforeItsEnd) {
  Receiver receiver(GetParam(), 4, 10);
  Messages messages(*receiver.port, 10, 16);
  SocketPair both;
  const ConnectionId id = receiver.port->adopt(std::move(both.near)).value();
  send_all(both.far.get(), "one thr");
  EXPECT_EQ(messages.program.receive(20), 0u);
  send_all(both.far.get(), "ee, and");
  while (messages.program.views < 1) ASSERT_NE(messages.program.receive(kLimitMs), 0u);
  EXPECT_EQ(messages.program.texts[id], "one three,");
  both.far.reset();
  while (messages.program.ended < 1) ASSERT_NE(messages.program.receive(kLimitMs), 0u);
  EXPECT_EQ(messages.program.views, 2u);
  EXPECT_EQ(messages.program.texts[id], "one three, and");
}

TEST_P(TcpContiguous, AConnectionThatIsClosedWithinAMessageTakesItsPartAlong) {
  Receiver receiver(GetParam(), 2, 10);
  Collector program(*receiver.port);
  SocketPair both;
  const ConnectionId id = receiver.port->adopt(std::move(both.near)).value();
  send_all(both.far.get(), "part");
  EXPECT_EQ(program.receive(20), 0u);
  EXPECT_EQ(receiver.pool->counters().inflight(), 1);
  receiver.port->close(id);
  EXPECT_EQ(receiver.pool->counters().inflight(), 0);
  EXPECT_EQ(counter(*receiver.port, "abandoned_bytes"), 4u);
}

// One connection waits for a page, the other for the rest of its message.
TEST_P(TcpContiguous, WhoHasAPageGoesOnWhileOthersWaitForOne) {
  Receiver receiver(GetParam(), 1, 10);
  Messages messages(*receiver.port, 10, 16);
  SocketPair holder, waiter;
  const ConnectionId first = receiver.port->adopt(std::move(holder.near)).value();
  const ConnectionId second = receiver.port->adopt(std::move(waiter.near)).value();
  send_all(holder.far.get(), "01234");
  EXPECT_EQ(messages.program.receive(20), 0u);
  send_all(waiter.far.get(), "abcdefghij");
  EXPECT_EQ(messages.program.receive(20), 0u);
  EXPECT_EQ(counter(*receiver.port, "starved_now"), 1u);
  send_all(holder.far.get(), "56789");
  while (messages.program.views < 1) ASSERT_NE(messages.program.receive(kLimitMs), 0u);
  EXPECT_EQ(messages.program.texts[first], "0123456789");
  EXPECT_EQ(counter(*receiver.port, "starved"), 1u) << "it queued up, too";
  while (messages.program.views < 2) ASSERT_NE(messages.program.receive(kLimitMs), 0u);
  EXPECT_EQ(messages.program.texts[second], "abcdefghij");
  send_all(holder.far.get(), "01234");
  holder.far.reset();
  while (messages.program.ended < 1) ASSERT_NE(messages.program.receive(kLimitMs), 0u);
  EXPECT_EQ(messages.program.texts[first], "012345678901234");
}

INSTANTIATE_TEST_SUITE_P(Memory, TcpContiguous, ::testing::ValuesIn(kMemories),
                         [](const auto& one) { return one.param.name; });

TEST(TcpContiguousPort, AMessageLargerThanAPageIsRefusedWithThePageToTake) {
  const auto pool = make_pool(host_memory(4));
  const auto made = TcpPort::create(*pool, {.message_size = 5000});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(),
            "cannot open a tcp port: messages of 5000 bytes do not fit pages of 4 KiB; take pages of 8 KiB");
}

// Pages that come home belong to those who wait, also when somebody else has something to read first.
TEST(TcpContiguousPort, WhoGoesOnLeavesFreshPagesToThoseWhoWait) {
  Receiver receiver(kMemories[0], 3, 10);
  Collector one_view(*receiver.port, 1), program(*receiver.port);
  std::vector<View> kept;
  std::vector<ConnectionId> order;
  one_view.on_view = program.on_view = [&](ConnectionId id, View view) {
    order.push_back(id);
    kept.push_back(std::move(view));
  };
  SocketPair pairs[3];
  std::vector<ConnectionId> ids;
  for (SocketPair& pair : pairs) ids.push_back(receiver.port->adopt(std::move(pair.near)).value());
  send_all(pairs[0].far.get(), "01234");
  EXPECT_EQ(program.receive(20), 0u);
  std::vector<Ref> held;
  while (const Netmem page = receiver.pool->try_alloc()) held.emplace_back(page);
  for (const int waiter : {1, 2}) {
    send_all(pairs[waiter].far.get(), "abcdefghij");
    EXPECT_EQ(program.receive(0), 0u);
  }
  held.clear();
  send_all(pairs[0].far.get(), "56789and on");
  EXPECT_EQ(one_view.receive(0), 1u);
  while (kept.size() < 3) ASSERT_NE(program.receive(kLimitMs), 0u);
  EXPECT_EQ(order, (std::vector{ids[1], ids[0], ids[2]}));
  EXPECT_TRUE(program.failed.empty()) << "somebody had to leave a page";
  kept.clear();
}

TEST(TcpContiguousPort, WhoLackedStagingPagesOnlyIsServedBeforeThoseWithoutAPage) {
  Receiver receiver(kMemories[1], 1, 10);
  Collector program(*receiver.port);
  SocketPair holder, waiter;
  const ConnectionId first = receiver.port->adopt(std::move(holder.near)).value();
  ASSERT_TRUE(receiver.port->adopt(std::move(waiter.near)));
  send_all(holder.far.get(), "01234");
  EXPECT_EQ(program.receive(20), 0u);
  send_all(waiter.far.get(), "abcdefghij");
  EXPECT_EQ(program.receive(0), 0u);
  std::vector<Ref> held;
  while (const Netmem page = receiver.staging->try_alloc()) held.emplace_back(page);
  send_all(holder.far.get(), "56789");
  EXPECT_EQ(program.receive(0), 0u);
  EXPECT_EQ(counter(*receiver.port, "starved_now"), 2u);
  held.clear();
  while (program.views < 2) ASSERT_NE(program.receive(kLimitMs), 0u);
  EXPECT_EQ(program.texts[first], "0123456789");
}

TEST(TcpContiguousPort, AResetWithinAMessageDropsItsPart) {
  Receiver receiver(kMemories[0], 4, 100);
  ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
  Collector program(*receiver.port);
  Fd peer = dial(*receiver.port);
  send_all(peer.get(), pattern(150, 1));
  while (program.views < 1) ASSERT_NE(program.receive(kLimitMs), 0u);
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort), 0);
  peer.reset();
  program.receive_until_gone(1);
  EXPECT_EQ(program.failed.size(), 1u);
  EXPECT_EQ(program.views, 1u);
  EXPECT_EQ(counter(*receiver.port, "abandoned_bytes"), 50u);
}

// Nobody but the copy holds the page then.
TEST(TcpContiguousPort, APartWhoseCopyIsUnderWayKeepsItsPageUntilItHasLanded) {
  const auto device = std::make_shared<LateDevice>();
  device->held = true;
  const auto pool = make_pool(make_gpu_provider(device, {.size = 4 * 4096}).value());
  const auto staging = make_pool(host_memory(4), "staging");
  auto port = TcpPort::create(*pool, {.staging = staging.get(), .message_size = 1000}).value();
  Collector program(*port);
  SocketPair both;
  const ConnectionId id = port->adopt(std::move(both.near)).value();
  send_all(both.far.get(), "part");
  EXPECT_EQ(program.receive(0), 0u);
  port->close(id);
  EXPECT_EQ(pool->counters().inflight(), 1) << "the device still writes there";
  device->complete(0);
  EXPECT_EQ(program.receive(0), 0u);
  expect_balanced(*pool);
  port.reset();
  expect_balanced(*staging);
}

}  // namespace
}  // namespace netmem::testing
