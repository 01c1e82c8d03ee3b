// Listening sockets. When the process has no descriptor left for a connection, accepting pauses instead of spinning on
// a socket that stays ready; the connections wait in the kernel's backlog.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netmem/base/error.h"
#include "netmem/base/fd.h"
#include "netmem/ports/stream/poller.h"
#include "netmem/ports/tcp/port.h"

namespace netmem {

class Acceptor {
 public:
  // Tags of listening sockets are below this number.
  static constexpr std::uint64_t kTagEnd = std::uint64_t{1} << 24;

  struct Accepted {
    Fd socket;  // close-on-exec, non-blocking
    std::string peer;
  };

  // What the connections get that come through its sockets.
  explicit Acceptor(const KeepAlive& keep_alive) : keep_alive_(keep_alive) {}

  // On all addresses that `address` stands for and this machine has.
  Result<void> listen(const std::string& address, Poller& poller);

  // REQUIRES: `tag` came from the poller and is below kTagEnd. Empty: nobody waits, or accepting pauses from now on.
  std::optional<Accepted> try_accept(std::uint64_t tag, Poller& poller);

  // Accepts again when the pause is over. How many milliseconds it still lasts; -1: there is none.
  int resume(Poller& poller);

  [[nodiscard]] std::uint16_t last_port() const { return last_port_; }
  [[nodiscard]] std::uint64_t pauses() const { return pauses_; }
  [[nodiscard]] std::string describe() const;  // "127.0.0.1:9000, [::1]:9000"

 private:
  struct Listener {
    Fd socket;
    std::string name;
    bool watched = false;
  };
  void pause(Poller& poller);

  KeepAlive keep_alive_;
  std::vector<Listener> listeners_;
  std::uint16_t last_port_ = 0;
  std::uint64_t pauses_ = 0;
  std::optional<std::chrono::steady_clock::time_point> resume_at_;
};

}  // namespace netmem
