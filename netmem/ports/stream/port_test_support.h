// What the tests of stream ports share: senders, and a program that collects what a port delivers. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "netmem/base/units.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/stream/address.h"
#include "netmem/ports/tcp/port.h"
#include "netmem/providers/host/host.h"
#include "tests/support/eventually.h"

namespace netmem::testing {

// Bytes that tell where they belong: no two positions of no two streams look alike for long.
inline std::string pattern(std::size_t size, std::uint64_t seed) {
  std::string text(size, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  for (char& one : text) {
    state = state * 6364136223846793005 + 1442695040888963407;
    one = static_cast<char>(state >> 56);
  }
  return text;
}

inline void send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the receiver closed; the test looks at what arrived
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

inline Fd dial(const TcpPort& port) {
  auto socket = connect_to("127.0.0.1:" + std::to_string(port.local_port()));
  EXPECT_TRUE(socket) << (socket ? "" : socket.error().message());
  return socket ? std::move(*socket) : Fd();
}

// Connected local stream sockets; what is sent has arrived when send() returns.
struct SocketPair {
  Fd near, far;
  SocketPair() {
    int both[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
    near = Fd(both[0]);
    far = Fd(both[1]);
  }
};

inline std::uint64_t counter(const StreamPort& port, const std::string& name) {
  for (const Counter& one : port.counters())
    if (one.name == name) return one.value;
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

inline std::shared_ptr<MemoryProvider> host_memory(std::size_t pages, std::size_t page_size = 4096) {
  return make_host_provider({.size = pages * page_size, .page_size = page_size}).value();
}

inline PagePoolPtr make_pool(std::shared_ptr<MemoryProvider> provider, const char* name = "test") {
  return PagePool::create(std::move(provider), {.name = name, .allow_unreadable = true}).value();
}

// Accepted, adopted and gone connections, and what the pool says: all must add up.
inline void expect_balanced(const TcpPort& port) {
  EXPECT_EQ(counter(port, "accepted") + counter(port, "adopted"),
            counter(port, "connections") + counter(port, "ended") + counter(port, "failed_connections") +
                counter(port, "closed"));
  EXPECT_EQ(counter(port, "failed_connections"), counter(port, "idle_timeouts") + counter(port, "message_timeouts") +
                                                     counter(port, "stall_timeouts") + counter(port, "vanished") +
                                                     counter(port, "failed_otherwise"));
}
inline void expect_balanced(const PagePool& pool) {
  const auto books = pool.audit();
  EXPECT_TRUE(books) << (books ? "" : books.error().message());
  EXPECT_EQ(pool.counters().inflight(), 0);
}

// The bytes of a view, of whatever memory.
inline std::string text_of(const View& view) {
  std::string text(view.size(), '\0');
  const CopyOut copy{.to = std::as_writable_bytes(std::span(text)), .from = view.netmem(), .offset = view.offset()};
  EXPECT_TRUE(view.netmem().region().provider().copy_engine().copy_out(std::span(&copy, 1)));
  return text;
}

// A program that keeps what it receives, by connection, and drops the views at once.
class Collector {
 public:
  explicit Collector(TcpPort& port, std::size_t room = 256) : port_(port), out_(room) {}

  // Called with each data view instead of reading it.
  std::function<void(ConnectionId, View)> on_view;

  // One receive(); how many deliveries.
  std::size_t receive(int timeout_ms) {
    auto count = port_.receive(out_, timeout_ms);
    EXPECT_TRUE(count) << (count ? "" : count.error().message());
    for (std::size_t i = 0; count && i < *count; ++i) take(out_[i]);
    return count.value_or(0);
  }
  // Until `count` connections have ended or failed. Gives up when nothing comes.
  void receive_until_gone(std::size_t count) {
    while (ended + failed.size() < count) ASSERT_NE(receive(kLimitMs), 0u) << "nothing came any more";
  }
  [[nodiscard]] std::vector<std::string> sorted_texts() const {
    std::vector<std::string> all;
    for (const auto& [id, text] : texts) all.push_back(text);
    std::ranges::sort(all);
    return all;
  }

  std::map<ConnectionId, std::string> texts;
  std::vector<ConnectionId> opened;
  std::size_t ended = 0;
  std::size_t views = 0;
  std::vector<Error> failed;
  std::vector<Limit> limits;  // of those

 private:
  void take(Delivery& one) {
    EXPECT_EQ(std::ranges::count(gone_, one.connection), 0) << "something followed the end";
    switch (one.kind) {
      case Delivery::Kind::opened:
        EXPECT_NE(one.peer, "");
        texts[one.connection];
        opened.push_back(one.connection);
        return;
      case Delivery::Kind::data:
        EXPECT_NE(one.view.size(), 0u);
        ++views;
        if (on_view) return on_view(one.connection, std::move(one.view));
        texts[one.connection] += text_of(one.view);
        return one.view.reset();
      case Delivery::Kind::ended:
        ++ended;
        return gone_.push_back(one.connection);
      case Delivery::Kind::failed:
        failed.push_back(one.error.value());
        limits.push_back(one.limit);
        return gone_.push_back(one.connection);
    }
  }

  TcpPort& port_;
  std::vector<Delivery> out_;
  std::vector<ConnectionId> gone_;
};

// Threads that each connect, send one text and close.
class Senders {
 public:
  Senders(const TcpPort& port, const std::vector<std::string>& texts) {
    for (const std::string& text : texts)
      threads_.emplace_back([&port, &text] {
        const Fd socket = dial(port);
        send_all(socket.get(), text);
      });
  }

 private:
  std::vector<std::jthread> threads_;
};

}  // namespace netmem::testing
