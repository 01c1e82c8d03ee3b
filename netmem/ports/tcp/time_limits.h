// How long a port waits for its peers: who has been silent, or has left a message unfinished, for too long.
//
//   a connection comes --> [ idle       ] by its last byte                   front: silent for the longest time
//   a message begins   --> [ unfinished ] by the message's begin             front: the oldest unfinished message
//                      `-> [ stalled    ] by the message's last progress     front: without progress for the longest
//
// A limit is the same for all connections of a port, so that each list is in the order of its deadlines. Who is
// overdue, and when the next one will be, takes the same time for any number of connections.
//
// Threads: one.
// Invariants:
//  1. A connection is in a list as long as that limit may end it, and in none once it is over. The list of a limit that
//     is off is empty.
//  2. The front of each list has the earliest deadline of it.
//  3. The clock is read at most once between two calls of time_passes(), and not at all while no limit needs it.
#pragma once

#include <chrono>

#include "netmem/ports/stream/connections.h"
#include "netmem/ports/tcp/port.h"

namespace netmem {

class TimeLimits {
 public:
  using Clock = std::chrono::steady_clock;
  // A message makes progress with each part of it that is as large as this, or a byte where that is more. So whoever
  // sends byte by byte keeps a page from others for at most so many times TcpOptions::stall_timeout.
  static constexpr std::size_t kProgressParts = 100;

  explicit TimeLimits(const TcpOptions& options, Clock::time_point (*clock)() = &Clock::now);

  // Refuses what makes no sense.
  static Result<void> check(const TcpOptions& options);

  // The time that was read last is of no use any more: the port has waited, or the program has done something else.
  void time_passes() { known_ = false; }

  // The connection is new.
  void begin(Connection& connection);
  // Bytes came. `before`: its open page before they did.
  void heard(Connection& connection, const OpenPage& before);
  // It waits for a page from now on.
  void starved(Connection& connection);
  // Its deadlines are as if something had come just now: the port itself could not read.
  void postpone(Connection& connection);
  // Nothing of it is read any more.
  void forget(Connection& connection);

  // Who has used up this limit; null: nobody. REQUIRES: idle or message.
  [[nodiscard]] Connection* overdue(Limit limit);
  // Who has to leave its page to `waiter`, which is starved; null: nobody, or nobody yet.
  [[nodiscard]] Connection* stalled_before(const Connection& waiter);
  // When overdue() will have somebody; -1: never.
  [[nodiscard]] int next_ms();

  // What the program is told.
  [[nodiscard]] Error error(const Connection& connection, Limit limit) const;

 private:
  using Nanoseconds = Clock::duration;
  [[nodiscard]] Clock::time_point now();
  [[nodiscard]] int left_ms(Clock::time_point since, Nanoseconds limit);

  Clock::time_point (*clock_)();
  Clock::time_point now_;
  bool known_ = false;

  Nanoseconds idle_limit_, message_limit_, stall_limit_;  // 0: off
  std::size_t message_size_;
  std::uint32_t progress_;  // bytes
  ConnectionQueue<&Connection::idle> idle_;
  ConnectionQueue<&Connection::unfinished> unfinished_;
  ConnectionQueue<&Connection::stalled> stalled_;
};

}  // namespace netmem
