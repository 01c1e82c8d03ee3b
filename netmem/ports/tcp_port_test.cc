#include "netmem/ports/tcp_port.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "netmem/ports/port_test_support.h"

namespace netmem::testing {
namespace {

constexpr std::size_t kOddSizes[] = {0, 1, 4095, 4096, 4097, MiB + 7};

struct Setup {
  PagePoolPtr pool, staging;
  std::unique_ptr<TcpPort> port;

  explicit Setup(std::size_t pages, std::size_t page_size = 4096, Landing landing = Landing::direct,
                 std::size_t read_size = 256 * KiB) {
    pool = make_pool(host_memory(pages, page_size));
    staging = make_pool(host_memory(32, 8192), "staging");
    auto made = TcpPort::create(*pool, {.landing = landing, .staging = staging.get(), .read_size = read_size});
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    port = std::move(*made);
    const auto listening = port->listen("127.0.0.1:0");
    EXPECT_TRUE(listening) << (listening ? "" : listening.error().message());
  }
  ~Setup() {
    expect_balanced(*port);
    port.reset();
    expect_balanced(*pool);
    expect_balanced(*staging);
  }
};

struct Case {
  Landing landing;
  std::size_t page_size;
};
class TcpLanding : public ::testing::TestWithParam<Case> {};

TEST_P(TcpLanding, StreamsOfOddSizesArriveInOrder) {
  Setup setup(MiB / GetParam().page_size, GetParam().page_size, GetParam().landing);
  EXPECT_EQ(setup.port->landing(), GetParam().landing);
  for (const std::size_t size : kOddSizes) {
    const std::vector<std::string> texts = {pattern(size, size)};
    const Senders senders(*setup.port, texts);
    Collector program(*setup.port);
    program.receive_until_gone(1);
    EXPECT_EQ(program.ended, 1u);
    EXPECT_TRUE(program.sorted_texts() == texts) << size << " bytes";
  }
  EXPECT_EQ(counter(*setup.port, "bytes"), 0 + 1 + 4095 + 4096 + 4097 + MiB + 7);
  EXPECT_EQ(counter(*setup.port, "staged_copies") != 0, GetParam().landing == Landing::staged);
}

TEST_P(TcpLanding, RoomForOneDeliveryIsEnough) {
  Setup setup(MiB / GetParam().page_size, GetParam().page_size, GetParam().landing);
  const std::vector<std::string> texts = {pattern(100'000, 1), pattern(100'000, 2), pattern(100'000, 3)};
  const Senders senders(*setup.port, texts);
  Collector program(*setup.port, 1);
  program.receive_until_gone(3);
  auto expected = texts;
  std::ranges::sort(expected);
  EXPECT_TRUE(program.sorted_texts() == expected);
}

TEST_P(TcpLanding, SmallMessagesShareAPage) {
  Setup setup(MiB / GetParam().page_size, GetParam().page_size, GetParam().landing);
  SocketPair sockets;
  ASSERT_TRUE(setup.port->adopt(std::move(sockets.near)));
  Collector program(*setup.port);
  std::vector<View> views;
  program.on_view = [&](ConnectionId, View view) { views.push_back(std::move(view)); };
  std::string sent;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const std::string text = pattern(100, i);
    send_all(sockets.far.get(), text);
    sent += text;
    ASSERT_EQ(program.receive(1000), 1u);
  }
  std::string got;
  for (const View& view : views) {
    got += text_of(view);
    EXPECT_EQ(view.netmem(), views.front().netmem());
  }
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(counter(*setup.port, "pages"), 1u);
  EXPECT_EQ(counter(*setup.port, "views"), 40u);
}

std::string name_of(const ::testing::TestParamInfo<Case>& one) {
  return (one.param.landing == Landing::direct ? "Direct" : "Staged") + std::to_string(one.param.page_size);
}
INSTANTIATE_TEST_SUITE_P(Host, TcpLanding,
                         ::testing::Values(Case{Landing::direct, 4096}, Case{Landing::direct, 16384},
                                           Case{Landing::direct, 65536}, Case{Landing::staged, 4096},
                                           Case{Landing::staged, 16384}, Case{Landing::staged, 65536}),
                         name_of);

TEST(TcpPort, OneReadFillsManyPages) {
  Setup setup(256);
  SocketPair sockets;
  const int size = 512 * 1024;
  ASSERT_EQ(::setsockopt(sockets.far.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  const std::string text = pattern(32 * 4096, 1);
  send_all(sockets.far.get(), text);
  const ConnectionId id = setup.port->adopt(std::move(sockets.near)).value();
  Collector program(*setup.port);
  EXPECT_EQ(program.receive(1000), 32u);
  EXPECT_TRUE(program.texts[id] == text);
  EXPECT_EQ(counter(*setup.port, "reads"), 1u);
  EXPECT_EQ(counter(*setup.port, "pages"), 32u);
}

TEST(TcpPort, AnAdoptedSocketEndsWithItsPeer) {
  Setup setup(16);
  SocketPair sockets;
  const auto id = setup.port->adopt(std::move(sockets.near));
  ASSERT_TRUE(id);
  send_all(sockets.far.get(), "hello");
  sockets.far.reset();
  Collector program(*setup.port);
  program.receive_until_gone(1);
  EXPECT_EQ(program.texts[*id], "hello");
  EXPECT_TRUE(program.opened.empty());
}

TEST(TcpPort, OnlyConnectedStreamSocketsAreAdopted) {
  Setup setup(16);
  int both[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM, 0, both), 0);
  const Fd far(both[1]);
  const auto datagrams = setup.port->adopt(Fd(both[0]));
  ASSERT_FALSE(datagrams);
  EXPECT_EQ(datagrams.error().message(),
            "cannot adopt a socket: it is no stream socket; pass a connected stream socket");
  EXPECT_FALSE(setup.port->adopt(Fd(::socket(AF_INET, SOCK_STREAM, 0))));
  EXPECT_FALSE(setup.port->adopt(Fd()));
}

TEST(TcpPort, ViewsMayBeDroppedOnAnotherThread) {
  Setup setup(64);
  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<View> queue;
  std::string got;
  const std::vector<std::string> texts = {pattern(4 * MiB, 9)};
  {
    std::jthread dropper([&](const std::stop_token& stop) {
      std::unique_lock lock(mutex);
      while (changed.wait(lock, stop, [&] { return !queue.empty(); })) {
        const View view = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        got.append(text_of(view));
        lock.lock();
      }
    });
    const Senders senders(*setup.port, texts);
    Collector program(*setup.port);
    program.on_view = [&](ConnectionId, View view) {
      const std::scoped_lock lock(mutex);
      queue.push_back(std::move(view));
      changed.notify_one();
    };
    program.receive_until_gone(1);
    for (bool empty = false; !empty; std::this_thread::yield()) {
      const std::scoped_lock lock(mutex);
      empty = queue.empty();
    }
  }
  EXPECT_TRUE(got == texts[0]);
}

TEST(TcpPort, APeerThatResetsFailsItsConnectionOnly) {
  Setup setup(64);
  Collector program(*setup.port);
  Fd bad = dial(*setup.port);
  const Fd good = dial(*setup.port);
  send_all(bad.get(), pattern(10'000, 1));
  send_all(good.get(), pattern(10'000, 2));
  while (program.opened.size() < 2 || counter(*setup.port, "bytes") < 20'000) ASSERT_NE(program.receive(60'000), 0u);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(bad.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  const std::string peer = format_address(local_address(bad.get()));
  bad.reset();
  program.receive_until_gone(1);
  ASSERT_EQ(program.failed.size(), 1u);
  EXPECT_EQ(program.failed[0].message(), "cannot receive from " + peer + ": Connection reset by peer");
  EXPECT_EQ(program.failed[0].code, ECONNRESET);
  send_all(good.get(), pattern(10, 3));
  ::shutdown(good.get(), SHUT_WR);
  program.receive_until_gone(2);
  EXPECT_EQ(program.ended, 1u);
  EXPECT_EQ(counter(*setup.port, "failed_connections"), 1u);
}

TEST(TcpPort, ClosingMidStreamKeepsWhatWasDelivered) {
  Setup setup(64);
  Collector program(*setup.port);
  std::vector<View> views;
  program.on_view = [&](ConnectionId, View view) { views.push_back(std::move(view)); };
  const Fd sender = dial(*setup.port);
  const std::string text = pattern(5000, 1);
  send_all(sender.get(), text);
  while (counter(*setup.port, "bytes") < text.size()) ASSERT_NE(program.receive(60'000), 0u);
  setup.port->close(program.opened.front());
  setup.port->close(program.opened.front());  // unknown by now: ignored
  setup.port->close(0);
  std::string got;
  for (const View& view : views) got += text_of(view);
  EXPECT_TRUE(got == text);
  send_all(sender.get(), "more");
  EXPECT_EQ(program.receive(0), 0u);
  EXPECT_EQ(counter(*setup.port, "closed"), 1u);
}

TEST(TcpPort, IdsAreNeverUsedAgain) {
  Setup setup(64);
  std::vector<ConnectionId> ids;
  for (int i = 0; i < 5; ++i) {
    SocketPair sockets;
    ids.push_back(setup.port->adopt(std::move(sockets.near)).value());
    setup.port->close(ids.back());
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST(TcpPort, WakeEndsAWaitOnAnotherThread) {
  Setup setup(16);
  Collector program(*setup.port);
  std::jthread waker([&] {
    while (counter(*setup.port, "waits") == 0) std::this_thread::yield();
    setup.port->wake();
  });
  EXPECT_EQ(program.receive(-1), 0u);
  waker.join();
  setup.port->wake();  // before the wait: ends the next one
  EXPECT_EQ(program.receive(-1), 0u);
  EXPECT_EQ(program.receive(0), 0u);
}

TEST(TcpPort, AConnectionThatIsNotOursToOpenWaitsForADescriptor) {
  Setup setup(16);
  Collector program(*setup.port);
  const Fd sender = dial(*setup.port);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::size_t came = program.receive(50);
  const std::uint64_t waits = counter(*setup.port, "waits");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(came, 0u);
  EXPECT_EQ(counter(*setup.port, "accept_paused"), 1u);
  EXPECT_LE(waits, 4u);  // it does not spin on the socket that stays ready
  EXPECT_EQ(program.receive(60'000), 1u);
  EXPECT_EQ(program.opened.size(), 1u);
}

TEST(TcpPort, ListensOnSeveralAddressesAndBothFamilies) {
  Setup setup(64);
  const std::uint16_t first = setup.port->local_port();
  ASSERT_TRUE(setup.port->listen(":0"));
  const std::uint16_t both = setup.port->local_port();
  EXPECT_NE(first, both);
  std::vector<std::string> targets = {"127.0.0.1:" + std::to_string(first), "127.0.0.1:" + std::to_string(both)};
  if (const Fd six(::socket(AF_INET6, SOCK_STREAM, 0)); six) targets.push_back("[::1]:" + std::to_string(both));
  Collector program(*setup.port);
  for (const std::string& target : targets) {
    auto socket = connect_to(target);
    ASSERT_TRUE(socket) << socket.error().message();
    send_all(socket->get(), target);
  }
  program.receive_until_gone(targets.size());
  std::ranges::sort(targets);
  EXPECT_EQ(program.sorted_texts(), targets);
  EXPECT_NE(setup.port->describe().find("127.0.0.1:" + std::to_string(first)), std::string::npos);
}

TEST(TcpPort, ListensOnIpv6Alone) {
  if (const Fd six(::socket(AF_INET6, SOCK_STREAM, 0)); !six) GTEST_SKIP() << "no IPv6 here";
  Setup setup(64);
  const auto listening = setup.port->listen("[::1]:0");
  if (!listening && listening.error().code == EADDRNOTAVAIL) GTEST_SKIP() << "no address ::1 here";
  ASSERT_TRUE(listening) << listening.error().message();
  const std::string number = std::to_string(setup.port->local_port());
  EXPECT_FALSE(connect_to("127.0.0.1:" + number));
  EXPECT_TRUE(connect_to("[::1]:" + number));
  EXPECT_NE(setup.port->describe().find("[::1]:" + number + ", landing direct, host: "), std::string::npos);
}

TEST(TcpPort, APortInUseIsRefusedWithAdvice) {
  Setup setup(16);
  const std::string number = std::to_string(setup.port->local_port());
  const auto again = setup.port->listen("127.0.0.1:" + number);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(), "cannot listen on 127.0.0.1:" + number +
                                         ": Address already in use; choose another port, or end the program that has "
                                         "it (ss -ltnp sport = :" +
                                         number + ")");
}

TEST(TcpPort, BadAddressesAreRefusedInOneLine) {
  Setup setup(16);
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:http", "::1:80", "no-such-host.invalid:80", "192.0.2.1:0"}) {
    const auto refused = setup.port->listen(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().advice, "") << text;
    EXPECT_EQ(refused.error().message().find('\n'), std::string::npos);
  }
}

TEST(TcpPort, OptionsThatMakeNoSenseAreRefusedByName) {
  const auto pool = make_pool(host_memory(16));
  const auto staged = TcpPort::create(*pool, {.landing = Landing::staged});
  ASSERT_FALSE(staged);
  EXPECT_NE(staged.error().message().find("pass a pool of host pages as TcpOptions::staging"), std::string::npos);
  EXPECT_FALSE(TcpPort::create(*pool, {.read_size = 0}));
  const auto port = TcpPort::create(*pool);
  ASSERT_TRUE(port);
  EXPECT_EQ((*port)->landing(), Landing::direct);
  EXPECT_FALSE((*port)->receive({}, 0));
}

}  // namespace
}  // namespace netmem::testing
