// Port `xdp`: frames of one queue of a network interface, through AF_XDP, into pages of a pool and back out.
//
//   XdpFilter (one per interface)     what to take off the kernel's path, by queue; everything else stays the kernel's
//   XdpPort   (one per queue)         receive(packets)  transmit(packets)
//
// The pool is the UMEM's frame allocator: its one region is registered with the kernel, the fill ring is fed from it,
// received frames are its pages, recycled like any other. With a second pool of device memory, payload moves there in
// batches (header split), and the headers stay in the frame's page.
//
// Threads: one per port, the consumer of its pools, calls everything but wake() and counters(), which any thread may.
// XdpFilter: any thread, one at a time.
// Nothing stays behind: closing the process, also by kill -9, detaches program and socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netmem/base/error.h"
#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"

namespace netmem {

enum class XdpMode : std::uint8_t {
  automatic,  // native where the driver can, generic elsewhere
  native,     // in the driver
  generic,    // in the kernel's stack, any interface, slower
};

// One thing to take: what is set must match exactly.
struct XdpMatch {
  std::uint8_t protocol = 0;                              // IPPROTO_UDP or IPPROTO_TCP; 0: any frame, IP or not
  std::optional<std::uint16_t> port = {};                 // destination, host order; needs a protocol
  std::optional<std::array<std::byte, 16>> address = {};  // destination; IPv4 as ::ffff:a.b.c.d; needs a protocol
  friend bool operator==(const XdpMatch&, const XdpMatch&) = default;
};

// The XDP program of an interface, shared by all its ports, those of other processes that use netmem included: it stays
// until the last of them is gone. Fragments of IP packets never match a port.
class NETMEM_EXPORT XdpFilter {
 public:
  virtual ~XdpFilter() = default;

  // Attaches the program, or joins the one that another netmem process has attached (its mode counts then). Refuses
  // where a foreign XDP program is attached.
  static Result<std::shared_ptr<XdpFilter>> attach(const std::string& interface, XdpMode mode = XdpMode::automatic);

  // Frames of `queue` that match go to its port from now on; without a port they stay the kernel's. Adding twice and
  // removing what is not there is nothing. At most 4096 matches per interface.
  virtual Result<void> add(unsigned queue, const XdpMatch& match) = 0;
  virtual Result<void> remove(unsigned queue, const XdpMatch& match) = 0;
  // Removes what any process added for the queue.
  virtual Result<void> clear(unsigned queue) = 0;

  [[nodiscard]] virtual const std::string& interface() const = 0;
  [[nodiscard]] virtual unsigned interface_index() const = 0;
  // Receive queues that the interface has now.
  [[nodiscard]] virtual unsigned queues() const = 0;
  [[nodiscard]] virtual XdpMode mode() const = 0;  // never automatic
  // Whether frames may span several buffers (the kernel and the driver can "xdp.frags").
  [[nodiscard]] virtual bool multi_buffer() const = 0;
};

struct XdpOptions {
  unsigned queue = 0;
  std::uint32_t chunk = 0;  // bytes of a frame's buffer: 2048 or 4096, at most a page; 0: 4096. Smaller than the page:
                            // chunks are fragments of pages
  std::uint32_t headroom = 0;      // bytes free before each frame, beyond the kernel's own 256
  std::uint32_t fill_ring = 2048;  // slots; powers of two
  std::uint32_t completion_ring = 2048;
  std::uint32_t receive_ring = 2048;
  std::uint32_t transmit_ring = 2048;
  // Frames that the port keeps posted at most; 0: half of what the pool's region has, but at most the fill ring.
  std::uint32_t most_posted = 0;
  enum class Copy : std::uint8_t { automatic, zero_copy, copy } copy = Copy::automatic;
  // While more than 200,000 frames a second come, and would wake a waiting receive() often, it lets them gather for so
  // many microseconds before it waits, shorter where half of what is posted would be used up. Fewer switches between
  // the kernel and the program, more delay. Not with busy_poll, nor after the first transmit(). Below 50: never; at
  // most 100000.
  std::uint32_t coalesce_us = 200;
  bool busy_poll = false;  // SO_PREFER_BUSY_POLL: the receiving thread drives the driver
  // Header split: payload of TCP and UDP moves into this pool. Its consumer is the same thread; outlives the port.
  PagePool* payload = nullptr;
};

class NETMEM_EXPORT XdpPort {
 public:
  virtual ~XdpPort() = default;

  // `frames`: host memory in one region; outlives the port. Frames of no match arrive yet: see XdpFilter::add. Refuses
  // a queue that another socket has.
  static Result<std::unique_ptr<XdpPort>> create(std::shared_ptr<XdpFilter> filter, PagePool& frames,
                                                 const XdpOptions& options = {});

  // Waits up to `timeout_ms` (0: not at all, -1: until something happens or wake()) and fills the front of `out`, which
  // must be empty packets; how many. 0 is no error. A port without pages keeps looking for them, at least every few
  // milliseconds. An error ends the port: the interface is gone.
  virtual Result<std::size_t> receive(std::span<Packet> out, int timeout_ms) = 0;

  // Sends the first of `packets`; how many, as far as the ring has room and, for parts that are not in this port's
  // region, the pool has pages to copy them to. Those sent are empty afterwards; their pages come home when the kernel
  // is done with them. Packets larger than the interface can send are dropped and counted. The kernel sends at the
  // latest when receive() or flush() is called.
  virtual std::size_t transmit(std::span<Packet> packets) = 0;
  // Waits up to `timeout_ms` until the kernel has taken and sent everything; whether it has.
  virtual bool flush(int timeout_ms) = 0;

  // Any thread and signal handlers: makes a waiting receive() return early.
  virtual void wake() noexcept = 0;

  [[nodiscard]] virtual bool zero_copy() const = 0;
  // For people: "xdp eth0 queue 0, native, copy mode (zero copy: Operation not supported), chunks of 4 KiB, ..."
  [[nodiscard]] virtual std::string describe() const = 0;
  // Every frame that did not arrive, by the reason's name, the kernel's own counts included (docs/ports.md).
  [[nodiscard]] virtual std::vector<Counter> counters() const = 0;
};

}  // namespace netmem
