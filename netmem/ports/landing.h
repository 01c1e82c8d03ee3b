// How the bytes of a connection get into pages: the strategy behind a port that is told by readiness when to read.
//
// A new way for bytes to land in pages is a new strategy here, when a call moves them (readv does); when the kernel
// moves them by itself and reports it afterwards (io_uring, zero-copy receive), it is a new StreamPort, which shares
// PageRun, the connections and the address code.
//
// Threads: the consumer of the pool, and of the staging pool.
#pragma once

#include <memory>
#include <span>

#include "netmem/pool/page_pool.h"
#include "netmem/ports/page_run.h"
#include "netmem/ports/tcp_port.h"

namespace netmem {

struct Landed {
  enum class Kind : std::uint8_t {
    data,     // `views` deliveries with `bytes` bytes were written
    nothing,  // the socket had nothing after all
    ended,    // the peer sent everything
    dry,      // a pool had no page; nothing was read
  };
  Kind kind = Kind::nothing;
  std::size_t views = 0;
  std::size_t bytes = 0;
  std::size_t copies = 0;  // that the copy engine made
  bool filled = false;     // the read took all that it had room for: there may be more
};

class LandingStrategy {
 public:
  virtual ~LandingStrategy() = default;

  // Reads once from a non-blocking socket into `open` and fresh pages, and writes the deliveries. An error ends the
  // connection: its `attempted` is for the caller to say. REQUIRES: out is not empty.
  virtual Result<Landed> land(int socket, ConnectionId connection, OpenPage& open, std::span<Delivery> out) = 0;
};

// The kernel writes the pages.
std::unique_ptr<LandingStrategy> make_direct_landing(PagePool& pool, std::size_t read_size);
// The kernel writes pages of `staging`, and the copy engine of the pool's provider moves them on.
std::unique_ptr<LandingStrategy> make_staged_landing(PagePool& pool, PagePool& staging, std::size_t read_size);

// Settles what `options` ask for on this pool: direct or staged, or why not.
Result<Landing> choose_landing(const PagePool& pool, const TcpOptions& options);

}  // namespace netmem
