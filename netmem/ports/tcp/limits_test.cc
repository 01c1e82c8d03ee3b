// Peers that stop, trickle, vanish or send urgent data: nobody blocks the port, and nothing vanishes. Time limits of
// the tests only catch hangs.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>

#include "netmem/ports/stream/port_test_support.h"

namespace netmem::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::size_t kMessage = 1000;
constexpr int kHang = 60'000;  // milliseconds

struct Receiver {
  PagePoolPtr pool;
  std::unique_ptr<TcpPort> port;

  explicit Receiver(std::size_t pages, TcpOptions options = {}) : pool(make_pool(host_memory(pages))) {
    auto made = TcpPort::create(*pool, options);
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    port = std::move(*made);
  }
  ~Receiver() {
    expect_balanced(*port);
    port.reset();
    expect_balanced(*pool);
  }
};

void send_urgent(int socket) {
  send_all(socket, "ab");
  ASSERT_EQ(::send(socket, "X", 1, MSG_OOB | MSG_NOSIGNAL), 1);
  send_all(socket, "cd");
}

TEST(TcpUrgent, UrgentBytesStayInTheStream) {
  Receiver receiver(4);
  ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
  Collector program(*receiver.port);
  Fd accepted = dial(*receiver.port);
  send_urgent(accepted.get());
  send_urgent(accepted.get());  // a second urgent byte makes the first an ordinary one
  accepted.reset();
  program.receive_until_gone(1);
  EXPECT_EQ(program.sorted_texts(), std::vector<std::string>{"abXcdabXcd"});
}

TEST(TcpUrgent, UrgentBytesStayInTheStreamOfAnAdoptedSocket) {
  Receiver receiver(4);
  const Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  auto far = connect_to("127.0.0.1:" + std::to_string(local_address(listener.get()).port()));
  ASSERT_TRUE(far);
  Fd near(::accept(listener.get(), nullptr, nullptr));
  send_urgent(far->get());
  const ConnectionId id = receiver.port->adopt(std::move(near)).value();
  far->reset();
  Collector program(*receiver.port);
  program.receive_until_gone(1);
  EXPECT_EQ(program.texts[id], "abXcd");
}

TEST(TcpUrgent, ALowWaterMarkOfAnAdoptedSocketKeepsNoBytesBack) {
  Receiver receiver(4);
  SocketPair sockets;
  Fd near;
  const Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const auto far = connect_to("127.0.0.1:" + std::to_string(local_address(listener.get()).port()));
  ASSERT_TRUE(far);
  near = Fd(::accept(listener.get(), nullptr, nullptr));
  const int mark = 1000;
  ASSERT_EQ(::setsockopt(near.get(), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark), 0);
  const ConnectionId id = receiver.port->adopt(std::move(near)).value();
  send_all(far->get(), "few");
  Collector program(*receiver.port);
  while (program.views == 0) ASSERT_NE(program.receive(kHang), 0u);
  EXPECT_EQ(program.texts[id], "few");
}

// All pages of the pool hold a byte of a message each, and one connection waits with a whole message.
struct Blocked : Receiver {
  static constexpr std::size_t kPages = 4;
  SocketPair stopped[kPages], waiting;
  std::vector<ConnectionId> ids;
  ConnectionId waiter = 0;
  std::string message = pattern(kMessage, 1);
  Collector program;

  explicit Blocked(TcpOptions options) : Receiver(kPages, options), program(*port) {
    for (SocketPair& one : stopped) {
      ids.push_back(port->adopt(std::move(one.near)).value());
      send_all(one.far.get(), "x");
    }
    while (pool->counters().inflight() < static_cast<std::int64_t>(kPages)) EXPECT_EQ(program.receive(0), 0u);
    waiter = port->adopt(std::move(waiting.near)).value();
    send_all(waiting.far.get(), message);
  }
};

TEST(TcpStall, AsManyUnfinishedMessagesAsPagesDoNotBlockThePort) {
  Blocked all({.message_size = kMessage, .stall_timeout = milliseconds(20)});
  while (all.program.views == 0) ASSERT_NE(all.program.receive(kHang), 0u);
  EXPECT_TRUE(all.program.texts[all.waiter] == all.message);
  ASSERT_EQ(all.program.failed.size(), 1u) << "one page is enough";
  EXPECT_EQ(all.program.limits, std::vector{Limit::stall});
  EXPECT_EQ(all.program.failed[0].message(),
            "cannot receive from unix socket: it stopped within a message (1 of 1000 bytes came) and held the page for "
            "20 ms while others waited for one; give the pool a page for each connection, or allow more time "
            "(stall_timeout)");
  EXPECT_EQ(counter(*all.port, "stall_timeouts"), 1u);
  EXPECT_EQ(counter(*all.port, "abandoned_bytes"), 1u);
  EXPECT_EQ(counter(*all.port, "connections"), Blocked::kPages);
}

TEST(TcpStall, IsOnByDefault) {
  EXPECT_GT(TcpOptions().stall_timeout.count(), 0);
  EXPECT_EQ(TcpOptions().idle_timeout.count(), 0);
  EXPECT_EQ(TcpOptions().message_timeout.count(), 0);
}

TEST(TcpStall, WithoutItThePortWaitsForThePeersForEver) {
  Blocked all({.message_size = kMessage, .stall_timeout = milliseconds(0)});
  EXPECT_EQ(all.program.receive(50), 0u);
  EXPECT_EQ(counter(*all.port, "starved_now"), 1u);
  send_all(all.stopped[0].far.get(), all.message.substr(1));
  while (all.program.views < 2) ASSERT_NE(all.program.receive(kHang), 0u);
  EXPECT_TRUE(all.program.failed.empty());
}

// A sender that was stopped for a while: nobody needs its page.
TEST(TcpStall, APeerThatStopsWhileNobodyWaitsIsNoError) {
  Receiver receiver(2, {.message_size = kMessage, .stall_timeout = milliseconds(1)});
  SocketPair stopped, other;
  const ConnectionId id = receiver.port->adopt(std::move(stopped.near)).value();
  ASSERT_TRUE(receiver.port->adopt(std::move(other.near)));
  Collector program(*receiver.port);
  const std::string message = pattern(kMessage, 1);
  send_all(stopped.far.get(), message.substr(0, 10));
  EXPECT_EQ(program.receive(50), 0u);
  send_all(other.far.get(), message);  // with a page for each
  while (program.views < 1) ASSERT_NE(program.receive(kHang), 0u);
  send_all(stopped.far.get(), message.substr(10));
  while (program.views < 2) ASSERT_NE(program.receive(kHang), 0u);
  EXPECT_TRUE(program.texts[id] == message);
  EXPECT_TRUE(program.failed.empty());
}

// Byte by byte is no progress where a hundredth of a message is more.
TEST(TcpStall, ATrickleLeavesItsPageToThoseWhoWait) {
  Receiver receiver(1, {.message_size = 4096, .stall_timeout = milliseconds(20)});
  SocketPair trickle, waiter;
  ASSERT_TRUE(receiver.port->adopt(std::move(trickle.near)));
  Collector program(*receiver.port);
  send_all(trickle.far.get(), "x");
  while (receiver.pool->counters().inflight() == 0) EXPECT_EQ(program.receive(0), 0u);
  ASSERT_TRUE(receiver.port->adopt(std::move(waiter.near)));
  const std::string message = pattern(4096, 1);
  send_all(waiter.far.get(), message);
  for (std::size_t sent = 1; program.failed.empty() && sent < 4095; ++sent) {
    send_all(trickle.far.get(), "x");
    program.receive(1);
  }
  EXPECT_EQ(program.limits, std::vector{Limit::stall});
  while (program.views == 0) ASSERT_NE(program.receive(kHang), 0u);
}

// The program was busy while everybody sent: what came is read before anybody is called stopped.
TEST(TcpStall, BytesThatCameMeanwhileAreReadFirst) {
  Blocked all({.message_size = kMessage, .stall_timeout = milliseconds(20)});
  EXPECT_EQ(all.program.receive(0), 0u);
  for (SocketPair& one : all.stopped) send_all(one.far.get(), all.message.substr(1));
  std::this_thread::sleep_for(milliseconds(60));
  while (all.program.views < 5) ASSERT_NE(all.program.receive(kHang), 0u);
  EXPECT_TRUE(all.program.failed.empty());
}

// Staging pages are what is missing: nobody's page would help.
TEST(TcpStall, WhoeverLacksStagingPagesOnlyTakesNobodysPage) {
  const auto pool = make_pool(host_memory(4));
  const auto staging = make_pool(host_memory(1), "staging");
  auto port = TcpPort::create(*pool, {.landing = Landing::staged,
                                      .staging = staging.get(),
                                      .message_size = kMessage,
                                      .stall_timeout = milliseconds(1)})
                  .value();
  Collector program(*port);
  SocketPair stopped, waiter;
  ASSERT_TRUE(port->adopt(std::move(stopped.near)));
  send_all(stopped.far.get(), "x");
  while (pool->counters().inflight() == 0) EXPECT_EQ(program.receive(0), 0u);
  const Netmem held = staging->try_alloc();
  ASSERT_TRUE(held);
  ASSERT_TRUE(port->adopt(std::move(waiter.near)));
  send_all(waiter.far.get(), pattern(kMessage, 1));
  EXPECT_EQ(program.receive(50), 0u);
  EXPECT_EQ(counter(*port, "starved_now"), 1u);
  staging->recycle(held);
  while (program.views == 0) ASSERT_NE(program.receive(kHang), 0u);
  EXPECT_TRUE(program.failed.empty());
  port.reset();
  expect_balanced(*pool);
  expect_balanced(*staging);
}

TEST(TcpMessageTimeout, ATrickleEndsWithItAndNotWithIdleTimeout) {
  Receiver receiver(4, {.message_size = kMessage, .idle_timeout = hours(1), .message_timeout = milliseconds(30)});
  SocketPair sockets;
  ASSERT_TRUE(receiver.port->adopt(std::move(sockets.near)));
  Collector program(*receiver.port);
  std::size_t sent = 0;
  for (; program.failed.empty() && sent < kMessage - 1; ++sent) {
    send_all(sockets.far.get(), "x");
    program.receive(1);
  }
  ASSERT_EQ(program.limits, std::vector{Limit::message});
  EXPECT_NE(program.failed[0].message().find("it did not finish a message in 30 ms ("), std::string::npos);
  EXPECT_EQ(counter(*receiver.port, "message_timeouts"), 1u);
  EXPECT_EQ(counter(*receiver.port, "abandoned_bytes"), sent);
}

TEST(TcpMessageTimeout, EachMessageHasItsOwnAndSilenceBetweenMessagesNone) {
  Receiver receiver(4, {.message_size = kMessage, .message_timeout = milliseconds(20)});
  SocketPair sockets;
  ASSERT_TRUE(receiver.port->adopt(std::move(sockets.near)));
  Collector program(*receiver.port);
  for (std::size_t i = 1; i <= 3; ++i) {
    const std::string message = pattern(kMessage, i);
    send_all(sockets.far.get(), message.substr(0, 10));
    EXPECT_EQ(program.receive(0), 0u);
    send_all(sockets.far.get(), message.substr(10));
    while (program.views < i) ASSERT_NE(program.receive(kHang), 0u);
    EXPECT_EQ(program.receive(40), 0u);
  }
  send_all(sockets.far.get(), "x");
  EXPECT_EQ(program.receive(kHang), 1u);
  EXPECT_EQ(program.limits, std::vector{Limit::message});
}

TEST(TcpIdle, AConnectionThatNeverSendsIsEnded) {
  Receiver receiver(4, {.idle_timeout = milliseconds(100)});
  ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
  const Fd silent = dial(*receiver.port);
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(kHang), 1u);
  EXPECT_EQ(program.opened.size(), 1u);
  const std::uint64_t waits = counter(*receiver.port, "waits");
  EXPECT_EQ(program.receive(-1), 1u);
  EXPECT_EQ(program.failed.at(0).message(), "cannot receive from " + format_address(local_address(silent.get())) +
                                                ": it sent nothing for 100 ms; find out why it is silent, or allow "
                                                "more time (idle_timeout)");
  EXPECT_EQ(program.limits, std::vector{Limit::idle});
  EXPECT_EQ(counter(*receiver.port, "idle_timeouts"), 1u);
  EXPECT_LE(counter(*receiver.port, "waits") - waits, 5u) << "it waits for the deadline, and does not spin";
}

TEST(TcpIdle, BytesThatCameWhileTheProgramWasBusyCount) {
  Receiver receiver(4, {.idle_timeout = milliseconds(20)});
  SocketPair sockets;
  const ConnectionId id = receiver.port->adopt(std::move(sockets.near)).value();
  send_all(sockets.far.get(), "here");
  std::this_thread::sleep_for(milliseconds(60));
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(0), 1u);
  EXPECT_EQ(program.texts[id], "here");
  EXPECT_EQ(program.receive(kHang), 1u);
  EXPECT_EQ(program.limits, std::vector{Limit::idle});
}

TEST(TcpIdle, OneAdoptedAfterAPauseHasItsWholeTime) {
  Receiver receiver(4, {.idle_timeout = hours(1)});
  SocketPair first, second;
  ASSERT_TRUE(receiver.port->adopt(std::move(first.near)));
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(0), 0u);
  EXPECT_TRUE(program.failed.empty());
}

// Pages are missing, and not the peer's bytes.
TEST(TcpIdle, StarvedConnectionsAreNotIdle) {
  Receiver receiver(1, {.idle_timeout = milliseconds(10)});
  std::vector<Ref> held;
  held.emplace_back(receiver.pool->try_alloc());
  SocketPair sockets;
  const ConnectionId id = receiver.port->adopt(std::move(sockets.near)).value();
  send_all(sockets.far.get(), "here");
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(50), 0u);
  held.clear();
  EXPECT_EQ(program.receive(kHang), 1u);
  EXPECT_EQ(program.texts[id], "here");
}

TEST(TcpIdle, ManyEndAtOnceWithLittleRoomAndTheBooksBalance) {
  Receiver receiver(4, {.idle_timeout = milliseconds(10)});
  std::vector<SocketPair> silent(100);
  for (SocketPair& one : silent) ASSERT_TRUE(receiver.port->adopt(std::move(one.near)));
  Collector program(*receiver.port, 3);
  program.receive_until_gone(100);
  EXPECT_EQ(counter(*receiver.port, "idle_timeouts"), 100u);
}

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
  return value;
}

TEST(TcpKeepAlive, IsOnForAcceptedAndAdoptedConnections) {
  Receiver receiver(
      4, {.keep_alive = {.idle = std::chrono::seconds(11), .interval = std::chrono::seconds(7), .probes = 3}});
  const Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const auto far = connect_to("127.0.0.1:" + std::to_string(local_address(listener.get()).port()));
  Fd near(::accept(listener.get(), nullptr, nullptr));
  const Fd same(::dup(near.get()));
  ASSERT_TRUE(receiver.port->adopt(std::move(near)));
  EXPECT_EQ(option(same.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(same.get(), IPPROTO_TCP, TCP_KEEPIDLE), 11);
  EXPECT_EQ(option(same.get(), IPPROTO_TCP, TCP_KEEPINTVL), 7);
  EXPECT_EQ(option(same.get(), IPPROTO_TCP, TCP_KEEPCNT), 3);

  ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
  const Fd sender = dial(*receiver.port);
  Collector program(*receiver.port);
  EXPECT_EQ(program.receive(kHang), 1u);
  const std::string peer = format_address(local_address(sender.get()));
  bool found = false;
  for (int fd = 0; fd < 1000; ++fd)
    if (format_address(peer_address(fd)) == peer) {
      found = true;
      EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
      EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    }
  EXPECT_TRUE(found);
}

TEST(TcpKeepAlive, ASocketIsLeftAsItIsWithoutIt) {
  Receiver receiver(4, {.keep_alive = {.idle = std::chrono::seconds(0)}});
  const Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const auto far = connect_to("127.0.0.1:" + std::to_string(local_address(listener.get()).port()));
  Fd near(::accept(listener.get(), nullptr, nullptr));
  const Fd same(::dup(near.get()));
  ASSERT_TRUE(receiver.port->adopt(std::move(near)));
  EXPECT_EQ(option(same.get(), SOL_SOCKET, SO_KEEPALIVE), 0);
}

// The whole machine of the peer is gone: in a namespace of its own, whose loopback interface goes down.
TEST(TcpKeepAlive, APeerThatVanishedIsNoticed) {
  std::string skipped;
  std::jthread([&] {
    if (::unshare(CLONE_NEWNET) != 0 ||
        std::system("ip link set lo up 2>/dev/null") != 0) {  // NOLINT(concurrency-mt-unsafe)
      skipped = "needs root and ip (package iproute2)";
      return;
    }
    using std::chrono::seconds;
    Receiver receiver(4, {.keep_alive = {.idle = seconds(1), .interval = seconds(1), .probes = 1}});
    EXPECT_TRUE(receiver.port->listen("127.0.0.1:0"));
    const Fd peer = dial(*receiver.port);
    send_all(peer.get(), "last words");
    Collector program(*receiver.port);
    while (program.views == 0) EXPECT_NE(program.receive(kHang), 0u);
    EXPECT_EQ(std::system("ip link set lo down"), 0);  // NOLINT(concurrency-mt-unsafe)
    program.receive_until_gone(1);
    ASSERT_EQ(program.failed.size(), 1u);
    EXPECT_NE(program.failed[0].message().find("; see whether the peer's machine runs"), std::string::npos)
        << program.failed[0].message();
    EXPECT_EQ(program.limits, std::vector{Limit::none});
    EXPECT_EQ(counter(*receiver.port, "vanished"), 1u);
  }).join();
  if (!skipped.empty()) GTEST_SKIP() << skipped;
}

TEST(TcpLimits, OptionsThatMakeNoSenseAreRefusedByName) {
  const auto pool = make_pool(host_memory(4));
  EXPECT_FALSE(TcpPort::create(*pool, {.idle_timeout = milliseconds(-1)}));
  EXPECT_FALSE(TcpPort::create(*pool, {.message_size = 10, .stall_timeout = milliseconds(-1)}));
  const auto no_messages = TcpPort::create(*pool, {.message_timeout = milliseconds(1)});
  ASSERT_FALSE(no_messages);
  EXPECT_EQ(no_messages.error().message(),
            "cannot open a tcp port: TcpOptions::message_timeout is for messages, and their size is not set; set "
            "TcpOptions::message_size, or use idle_timeout");
  for (const KeepAlive& odd :
       {KeepAlive{.idle = std::chrono::seconds(32768)}, KeepAlive{.idle = std::chrono::seconds(-1)},
        KeepAlive{.interval = std::chrono::seconds(0)}, KeepAlive{.probes = 0}, KeepAlive{.probes = 128}}) {
    const auto made = TcpPort::create(*pool, {.keep_alive = odd});
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message().find("TcpOptions::keep_alive"), std::string::npos);
  }
  EXPECT_TRUE(TcpPort::create(*pool, {.idle_timeout = milliseconds::max()}));
}

}  // namespace
}  // namespace netmem::testing
