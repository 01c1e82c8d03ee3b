// How the bytes of a connection get into pages: the strategy behind a port that is told by readiness when to read.
//
//   direct   land() --> views
//   staged   land() --> a read under way --poll()--> landed --arrive()--> views
//
// A new way for bytes to land in pages is a new strategy here, when a call moves them (readv does); when the kernel
// moves them by itself and reports it afterwards (io_uring, zero-copy receive), it is a new StreamPort, which shares
// PageRun, the connections and the address code.
//
// Threads: the consumer of the pool, and of the staging pool; the tally is read on any.
// Invariants:
//  1. Connection::reads counts the reads that were begun for it and not delivered to the end. They are delivered in the
//     order in which they were begun, whatever the order in which they land.
//  2. Memory that is being copied from or to is held until the copy has ended, also when its connection has gone.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "netmem/base/single_writer.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/stream/connections.h"
#include "netmem/ports/tcp/port.h"

namespace netmem {

struct Landed {
  enum class Kind : std::uint8_t {
    data,     // `views` deliveries with `bytes` bytes were written
    begun,    // a read is under way, or has landed already
    nothing,  // the socket had nothing after all
    ended,    // the peer sent everything
    dry,      // a pool had no page; nothing was read
    busy,     // what a read needs is in use by those under way; nothing was read
  };
  Kind kind = Kind::nothing;
  std::size_t views = 0;
  std::size_t bytes = 0;   // of the views
  std::size_t copies = 0;  // that the copy engine was given
  bool filled = false;     // the read took all that it had room for: there may be more
};

// Of one read: the next of its views, or why there are none.
struct Arrival {
  Connection* connection = nullptr;  // null: nothing has arrived
  std::size_t views = 0;
  std::size_t bytes = 0;
  std::size_t pages = 0;       // whose first byte is among them
  std::optional<Error> error;  // the connection cannot go on; abandon it
};

class LandingStrategy {
 public:
  static constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

  virtual ~LandingStrategy() = default;

  // Reads once from the connection's non-blocking socket into its open page and fresh ones, at most `pages` together,
  // and writes the deliveries into `out`, if it can already. An error ends the connection: its `attempted` is for the
  // caller to say. REQUIRES: out is not empty.
  virtual Result<Landed> land(Connection& connection, std::span<Delivery> out, std::size_t pages) = 0;

  // No read is under way or waits to be delivered.
  [[nodiscard]] bool idle() const { return reads_ == 0; }
  // land() would say busy: something has to land first.
  [[nodiscard]] bool full() const { return full_; }

  // Sees what has landed, without blocking.
  virtual void poll() {}
  // Delivers from one read that has landed and whose turn it is. REQUIRES: out is not empty.
  virtual Arrival arrive(std::span<Delivery> /*out*/) { return {}; }
  // Nothing is delivered any more of the reads that the connection has begun.
  virtual void abandon(Connection& /*connection*/) {}

  struct Tally {
    SingleWriter<std::uint64_t> reads_under_way, late_reads, copies_awaited, failed_copies, abandoned_bytes;
  };
  [[nodiscard]] const Tally& tally() const { return tally_; }

 protected:
  std::size_t reads_ = 0;
  bool full_ = false;
  Tally tally_;
};

// The kernel writes the pages.
std::unique_ptr<LandingStrategy> make_direct_landing(PagePool& pool, const TcpOptions& options);
// The kernel writes pages of the staging pool, and the copy engine of the pool's provider moves them on.
std::unique_ptr<LandingStrategy> make_staged_landing(PagePool& pool, const TcpOptions& options);

// Settles what `options` ask for on this pool: direct or staged, or why not.
Result<Landing> choose_landing(const PagePool& pool, const TcpOptions& options);

// What a read without bytes means. `count`: 0 or -errno.
Result<Landed> read_without_bytes(ssize_t count);

inline void write_data(Delivery& out, ConnectionId connection, View&& view) {
  out.connection = connection;
  out.kind = Delivery::Kind::data;
  out.limit = Limit::none;
  out.view = std::move(view);
  out.peer.clear();
  out.error.reset();
}

}  // namespace netmem
