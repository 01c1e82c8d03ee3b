// An AF_XDP socket of one queue, and the UMEM beneath it: memory that is the pool's, registered with the kernel. The
// rings are mapped by libxdp; what happens in them is XdpQueue's.
//
// Threads: one; statistics() any.
// Invariants:
//  1. The UMEM is the socket's alone: when both are closed the kernel has let go of the memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "netmem/core/memory_provider.h"
#include "netmem/ports/xdp/port.h"
#include "netmem/ports/xdp/queue.h"

namespace netmem {

// What libxdp keeps, behind pointers: its headers stay in xdp_socket.cc.
struct XdpHandles;

struct XdpSocketOptions {
  std::string interface;
  unsigned interface_index = 0;
  bool multi_buffer = false;  // ask for frames in several buffers
  XdpOptions port;            // chunk is set
};

class XdpSocket {
 public:
  // Binds to the queue. `memory`: a multiple of the chunk, at a page's beginning; outlives the socket. Waits a moment
  // where the queue's socket before is still being taken down.
  static Result<XdpSocket> open(const XdpSocketOptions& options, std::span<std::byte> memory);
  XdpSocket(XdpSocket&&) noexcept;
  XdpSocket& operator=(XdpSocket&&) noexcept;
  ~XdpSocket();

  [[nodiscard]] int fd() const;
  [[nodiscard]] const XdpRings& rings() const { return rings_; }
  [[nodiscard]] bool zero_copy() const { return zero_copy_; }
  // Why there is no zero copy: "Operation not supported", "not asked for"; empty when there is.
  [[nodiscard]] const std::string& why_copy() const { return why_copy_; }
  [[nodiscard]] bool multi_buffer() const { return multi_buffer_; }

  // The kernel's own counts of what did not arrive or go out, by name.
  [[nodiscard]] std::vector<Counter> statistics() const;

 private:
  friend bool wait_until_released(const std::string& interface, unsigned queue);
  XdpSocket();
  Result<void> bind_best(const XdpSocketOptions& options, std::span<std::byte> memory);
  Result<void> bind_patiently(const XdpSocketOptions& options, std::span<std::byte> memory, bool zero_copy,
                              bool multi_buffer);
  Result<void> bind(const XdpSocketOptions& options, std::span<std::byte> memory, bool zero_copy, bool multi_buffer);
  void raise_send_budget(std::uint32_t packets);
  Result<void> set_busy_poll(const XdpSocketOptions& options);
  void read_rings(const XdpOptions& sizes);

  std::unique_ptr<XdpHandles> handles_;
  XdpRings rings_;
  bool zero_copy_ = false;
  bool multi_buffer_ = false;
  std::string why_copy_;
};

// Waits, at most a second, until the kernel has let go of the queue after a socket with zero copy was closed: until
// then the card may write into its UMEM (Linux net/xdp/xsk_buff_pool.c, xp_release_deferred). Whether it has.
bool wait_until_released(const std::string& interface, unsigned queue);

// What the options and the pool's memory must be to become a UMEM: the memory, or by name what is wrong.
Result<std::span<std::byte>> umem_of(const PagePool& frames, const XdpOptions& options);

}  // namespace netmem
