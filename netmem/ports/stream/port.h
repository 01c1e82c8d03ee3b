// What every port that receives byte streams does, whatever moves the bytes underneath: kernel sockets today.
//
//   receive() --> Delivery{connection, opened | data + view | ended | failed} --> the program, in order per connection
//
// Threads: one, the consumer of the port's pool(s), calls everything; views may be dropped on any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netmem/base/error.h"
#include "netmem/core/memory_provider.h"
#include "netmem/core/page.h"

namespace netmem {

using ConnectionId = std::uint64_t;  // never used again within a port

// The limit of a port that ended a connection.
enum class Limit : std::uint8_t {
  none,     // it was no limit: the peer or the network did
  idle,     // nothing came for too long
  message,  // a message took too long
  stall,    // a message made no progress while others waited for its page
};

struct Delivery {
  enum class Kind : std::uint8_t {
    opened,  // `peer` is set
    data,    // `view` is set: the next bytes of the connection, at least one
    ended,   // the peer sent everything; nothing follows
    failed,  // `error` is set; nothing follows
  };
  ConnectionId connection = 0;
  Kind kind = Kind::data;
  Limit limit = Limit::none;  // of `failed`
  View view;
  std::string peer;  // "[::1]:4711"
  std::optional<Error> error;
};

class NETMEM_EXPORT StreamPort {
 public:
  virtual ~StreamPort() = default;

  // Waits up to `timeout_ms` (0: not at all, -1: until something happens or wake()) and fills the front of `out`; how
  // many. A port without a free page reads nothing, so that the peers' windows close, and looks for pages again at
  // every call and at least every few milliseconds while it waits. Nothing is dropped.
  virtual Result<std::size_t> receive(std::span<Delivery> out, int timeout_ms) = 0;

  // Stops reading from a connection and closes it; what it delivered stays valid. Unknown ids are ignored.
  virtual void close(ConnectionId connection) = 0;

  // Any thread and signal handlers: makes a waiting receive() return early.
  virtual void wake() noexcept = 0;

  // For people: "tcp 127.0.0.1:9000, landing direct, memfd: 256 MiB in 4 KiB pages".
  [[nodiscard]] virtual std::string describe() const = 0;
  // Every reason for which the port did not read, and what it did, by name.
  [[nodiscard]] virtual std::vector<Counter> counters() const = 0;
};

}  // namespace netmem
