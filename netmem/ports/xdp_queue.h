// The data path of port `xdp`: the four rings shared with the kernel, between a pool and the program. No system calls
// in here; tests play the kernel.
//
//   pool --post--> fill ring --kernel--> receive ring --receive--> packets
//   packets --transmit--> transmit ring --kernel--> completion ring --complete--> pool
//
// Threads: the consumer of the pools; counters may be read by any.
// Invariants:
//  1. A chunk is the kernel's from post or transmit on until it comes back by the receive or completion ring; the port
//     holds one reference of its page for each time that it is the kernel's.
//  2. posted() counts the chunks that are the kernel's for receiving, sending() the parts that are its for sending.
//  3. What the kernel says is checked: an address outside the region, or of a chunk that is not the kernel's, stops the
//     program with its value.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "netmem/base/single_writer.h"
#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"

namespace netmem {

// One ring's words, wherever they lie. Sizes are powers of two. The layout of what they point to is the kernel's:
// Documentation/networking/af_xdp.rst, include/uapi/linux/if_xdp.h.
struct XdpRing {
  std::uint32_t* producer = nullptr;
  std::uint32_t* consumer = nullptr;
  std::uint32_t* flags = nullptr;  // bit 0: the kernel wants to be woken; null: it never does
  void* entries = nullptr;         // u64 addresses (fill, completion) or xdp_desc (receive, transmit)
  std::uint32_t size = 0;
};

struct XdpRings {
  XdpRing fill, completion, receive, transmit;
};

struct XdpQueueOptions {
  std::uint32_t chunk = 4096;
  std::uint32_t most_posted = 2048;
  bool multi_buffer = true;          // the transmit ring takes packets in several descriptors
  std::uint32_t most_frame = 65535;  // bytes of a frame that may be sent
  std::uint32_t interface = 0;
  std::uint32_t queue = 0;
  PagePool* payload = nullptr;  // header split
};

class XdpQueue {
 public:
  // REQUIRES: `frames` is host memory of one region, chunk divides its page size.
  XdpQueue(PagePool& frames, XdpRings rings, const XdpQueueOptions& options);
  // The kernel lets go of the memory first; then every chunk that was its goes home.
  ~XdpQueue();

  std::size_t receive(std::span<Packet> out) noexcept;
  std::size_t transmit(std::span<Packet> packets) noexcept;
  // Takes back what was sent; feeds the fill ring from the pool. receive() and transmit() call them as needed.
  void complete() noexcept;
  void post() noexcept;

  // Whether the kernel asks to be woken, for receiving and for sending.
  [[nodiscard]] bool wants_wakeup_to_receive() const;
  [[nodiscard]] bool wants_wakeup_to_send() const;
  // The pool could not feed the fill ring: worth another look soon.
  [[nodiscard]] bool starved() const;

  [[nodiscard]] std::uint64_t posted() const;
  [[nodiscard]] std::uint64_t sending() const;
  // By name, in a fixed order; any thread.
  [[nodiscard]] std::vector<Counter> counters() const;
};

}  // namespace netmem
