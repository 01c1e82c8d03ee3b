// Port `tcp`: kernel TCP, read into pool pages with readv.
//
// Landing says how the bytes reach a page:
//   direct  the kernel copies straight into the page (host memory, or a device's write window); one readv fills the
//           rest of the connection's open page and the pages after it
//   staged  into host pages of a second pool, then through the copy engine in one batch; for devices that the kernel
//           cannot write. Where the engine copies behind the program's back, several reads are on their way at a time,
//           and views are delivered when their bytes have landed, in order for each connection.
// A connection keeps its last page open while it has room, so small messages share a page; each view holds a reference
// of its own. When the pool runs dry, open pages are given up and starved connections take turns as pages come back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "netmem/base/fd.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/stream_port.h"

namespace netmem {

enum class Landing : std::uint8_t { automatic, direct, staged };

struct TcpOptions {
  Landing landing = Landing::automatic;  // direct where the kernel can write the memory, staged elsewhere
  PagePool* staging = nullptr;           // host pages for `staged`, which is refused without; outlives the port
  std::size_t read_size = 256 * 1024;    // bytes asked of the kernel in one call, in whole pages, at most 1024 of them
  // Bytes of each message of a connection: each lands in one piece, at a page's beginning, and is delivered as one view
  // when it is complete; the last one may be shorter. At most a page. 0: bytes go into pages as they come.
  std::size_t message_size = 0;
};

// Destroying one waits for the copies that are under way.
class NETMEM_EXPORT TcpPort : public StreamPort {
 public:
  // `pool` outlives the port; the thread that calls receive() becomes, or is, its consumer. Refuses `direct` where the
  // kernel cannot write the pool's memory, and `staged` without a staging pool.
  static Result<std::unique_ptr<TcpPort>> create(PagePool& pool, TcpOptions options = {});

  // "127.0.0.1:9000", "[::1]:9000", "localhost:9000", ":9000" (all addresses); port 0: the kernel's choice. May be
  // called more than once.
  virtual Result<void> listen(const std::string& address) = 0;
  // The port number that listen() got last.
  [[nodiscard]] virtual std::uint16_t local_port() const = 0;

  // Takes over a connected stream socket, which becomes non-blocking. No `opened` is delivered for it.
  virtual Result<ConnectionId> adopt(Fd socket) = 0;

  [[nodiscard]] virtual Landing landing() const = 0;  // never automatic
};

}  // namespace netmem
