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
//
// A peer may stop for as long as it likes, unless the program sets a limit; one that vanished is noticed (KeepAlive).
// There is one limit by default: who holds the page of an unfinished message leaves it when others wait for a page and
// nothing goes on (stall_timeout). A connection that a limit ends is delivered as `failed` with that Delivery::limit.
// Time in which the program did not call receive() counts, but bytes that came meanwhile are read first.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "netmem/base/fd.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/stream/port.h"

namespace netmem {

enum class Landing : std::uint8_t { automatic, direct, staged };

// The kernel asks a silent peer whether it is still there. A process that was stopped is: its kernel answers. When no
// answer comes the connection fails, with the code ETIMEDOUT as a rule. By default that takes two minutes.
struct KeepAlive {
  std::chrono::seconds idle{60};      // of silence before it asks; 0: the kernel does not ask
  std::chrono::seconds interval{10};  // from one question to the next
  int probes = 6;                     // questions without an answer
};

struct TcpOptions {
  Landing landing = Landing::automatic;  // direct where the kernel can write the memory, staged elsewhere
  PagePool* staging = nullptr;           // host pages for `staged`, which is refused without; outlives the port
  std::size_t read_size = 256 * 1024;    // bytes asked of the kernel in one call, in whole pages, at most 1024 of them
  // Bytes of each message of a connection: each lands in one piece, at a page's beginning, and is delivered as one view
  // when it is complete; the last one may be shorter. At most a page. 0: bytes go into pages as they come.
  std::size_t message_size = 0;

  // Limits, 0: none. Each ends a connection, as Delivery::limit says.
  std::chrono::milliseconds idle_timeout{0};     // from one byte to the next, within a message or not
  std::chrono::milliseconds message_timeout{0};  // from the first bytes of a message to its last ones
  // A connection has waited for a page for so long, and in that time another one, which holds the page of an unfinished
  // message, has brought less than a hundredth of a message. The other one ends, and its page goes to who has waited
  // longest. So a message keeps its page from others for at most 100 times as long.
  std::chrono::milliseconds stall_timeout{10'000};
  KeepAlive keep_alive = {};  // of TCP connections, accepted and adopted
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

  // Takes over a connected stream socket, which becomes non-blocking. No `opened` is delivered for it. Urgent bytes
  // stay in the stream (SO_OOBINLINE), a low-water mark is taken away, and keep_alive is set.
  virtual Result<ConnectionId> adopt(Fd socket) = 0;

  [[nodiscard]] virtual Landing landing() const = 0;  // never automatic
};

}  // namespace netmem
