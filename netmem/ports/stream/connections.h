// The connections of a port: found by id in constant time, and strung on lists without allocating.
//
// An id is a serial number above a slot number, so it is never used again, and one look at the slot tells whether the
// connection is still there.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netmem/base/check.h"
#include "netmem/base/fd.h"
#include "netmem/ports/stream/page_run.h"
#include "netmem/ports/stream/port.h"

namespace netmem {

struct Connection;

struct ConnectionLink {
  Connection* previous = nullptr;
  Connection* next = nullptr;
  bool linked = false;
};

struct Connection {
  ConnectionId id = 0;
  Fd socket;
  std::string peer;
  OpenPage open;                // its last page, while that has room
  std::size_t reads = 0;        // whose copies are under way, or whose views were not all delivered
  bool watched = false;         // by the poller
  bool over = false;            // nothing is read any more; its last delivery is still to come
  std::optional<Error> error;   // why it is over, if it has failed
  ConnectionLink starved;       // in the queue of those that wait for pages
  ConnectionLink open_holders;  // in the list of those whose `open` may be given up
  ConnectionLink endings;       // in the list of those that are over
  Limit limit = Limit::none;    // that ended it

  // TimeLimits': its three lists, and when it was moved to the back of each.
  using TimePoint = std::chrono::steady_clock::time_point;
  ConnectionLink idle, unfinished, stalled;
  TimePoint heard;                // the last byte came
  TimePoint begun;                // the unfinished message began
  TimePoint advanced;             // the unfinished message made progress,
  std::uint32_t advanced_to = 0;  // up to this byte of it
  TimePoint starved_since;
};

// A queue threaded through one of the links of its members. A connection is in it at most once.
template <ConnectionLink Connection::* Link>
class ConnectionQueue {
 public:
  [[nodiscard]] bool empty() const { return front_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Connection* front() const { return front_; }
  [[nodiscard]] Connection* back() const { return back_; }

  void push_back(Connection& connection) {
    ConnectionLink& link = connection.*Link;
    NETMEM_CHECK(!link.linked, "connection %llu is queued already", static_cast<unsigned long long>(connection.id));
    link = {back_, nullptr, true};
    (back_ == nullptr ? front_ : (back_->*Link).next) = &connection;
    back_ = &connection;
    ++size_;
  }
  // Nothing happens when it is not in the queue.
  void remove(Connection& connection) {
    const ConnectionLink link = connection.*Link;
    if (!link.linked) return;
    (link.previous == nullptr ? front_ : (link.previous->*Link).next) = link.next;
    (link.next == nullptr ? back_ : (link.next->*Link).previous) = link.previous;
    connection.*Link = {};
    --size_;
  }

 private:
  Connection* front_ = nullptr;
  Connection* back_ = nullptr;
  std::size_t size_ = 0;
};

class ConnectionTable {
 public:
  static constexpr unsigned kSlotBits = 24;
  static constexpr ConnectionId kFirstId = ConnectionId{1} << kSlotBits;  // ids below are free for other uses

  Connection& add(Fd socket, std::string peer);
  // Null when it has gone.
  [[nodiscard]] Connection* find(ConnectionId id) const;
  // REQUIRES: on no queue, without a page or a read. Closes its socket.
  void remove(Connection& connection);

  [[nodiscard]] std::size_t size() const { return slots_.size() - free_.size(); }
  [[nodiscard]] std::vector<ConnectionId> ids() const;

 private:
  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<std::uint32_t> free_;
  ConnectionId serial_ = 0;
};

}  // namespace netmem
