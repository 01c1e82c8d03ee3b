// The data path of port `xdp`: the four rings shared with the kernel, between a pool and the program. No system calls
// in here but for the clock; tests play the kernel.
//
//   pool --post--> fill ring --kernel--> receive ring --receive--> packets
//   packets --transmit--> transmit ring --kernel--> completion ring --complete--> fill ring, or pool
//
// Threads: the consumer of the pools; posted(), sending() and counters() may be read by any.
// Invariants:
//  1. A chunk is the kernel's from post or transmit on until it comes back by the receive or completion ring; the queue
//     holds one reference of its page for each time that it is the kernel's.
//  2. posted() counts the chunks that are the kernel's for receiving, sending() the parts that are its for sending.
//  3. What the kernel says is checked: an index that cannot be, an address outside the region, or one of a chunk that
//     is not the kernel's, stops the program with its value.
//  4. A frame that the kernel gave is received, or one counter says why not; a packet to be sent that the caller no
//     longer has is transmitted, or one counter says why not.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netmem/base/single_writer.h"
#include "netmem/packet/header_split.h"
#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/xdp/frames.h"
#include "netmem/ports/xdp/linearizer.h"
#include "netmem/ports/xdp/ring.h"
#include "netmem/ports/xdp/split_flight.h"

namespace netmem {

struct XdpQueueOptions {
  std::uint32_t chunk = 4096;
  std::uint32_t most_posted = 2048;  // at least 1
  bool multi_buffer = true;          // the transmit ring takes packets in several descriptors
  std::uint32_t most_parts = 18;     // descriptors of one packet then: CONFIG_MAX_SKB_FRAGS + 1 in copy mode
  std::uint32_t most_frame = 65535;  // bytes of a frame that may be sent
  std::uint32_t interface = 0;
  std::uint32_t queue = 0;
  PagePool* payload = nullptr;  // header split
};

class XdpQueue {
 public:
  // REQUIRES: `frames` is host memory of one region, chunk divides its page size. The rings' words outlive the queue.
  XdpQueue(PagePool& frames, XdpRings rings, const XdpQueueOptions& options);
  // The kernel lets go of the memory first; then every chunk that was its goes home.
  ~XdpQueue();
  XdpQueue(const XdpQueue&) = delete;
  XdpQueue& operator=(const XdpQueue&) = delete;

  // Fills the front of `out`, which must be empty packets; how many. A frame whose last buffers are not there yet
  // waits.
  std::size_t receive(std::span<Packet> out) noexcept;
  // Takes the first of `packets`, which are empty then: sent, or dropped and counted; how many.
  std::size_t transmit(std::span<Packet> packets) noexcept;
  // Takes back what was sent; feeds the fill ring from the pool. receive() and transmit() call them as needed.
  void complete() noexcept;
  void post() noexcept { post(1); }

  // The interface's MTU has changed.
  void set_most_frame(std::uint32_t bytes) { options_.most_frame = bytes; }

  // Whether the kernel asks to be woken, for receiving and for sending.
  [[nodiscard]] bool wants_wakeup_to_receive() const { return fill_.wants_wakeup(); }
  [[nodiscard]] bool wants_wakeup_to_send() const { return transmit_.wants_wakeup(); }
  // The pool could not feed the fill ring: worth another look soon.
  [[nodiscard]] bool starved() const { return starved_; }

  // Packets whose payload is on its way to a device: worth another look at once.
  [[nodiscard]] std::uint64_t copying() const { return flight_ ? flight_->packets() : 0; }

  // Buffers received so far. The queue's thread.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] std::uint64_t posted() const { return posted_.read(); }
  [[nodiscard]] std::uint64_t sending() const { return sending_.read(); }
  // By name, in a fixed order; any thread.
  [[nodiscard]] std::vector<Counter> counters() const;

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kMostBuffers = Packet::kMostPayloads + 1;

  struct Counts {
    SingleWriter<std::uint64_t> received, received_bytes, no_device_page, payload_copy_failed, too_many_buffers,
        split_bytes, starved;
    std::array<SingleWriter<std::uint64_t>, kUnsplitReasons> unsplit;  // by reason; that of `none` stays 0
    SingleWriter<std::uint64_t> transmitted, transmitted_bytes, copied_to_send, too_large_to_send, too_small_to_send,
        send_copy_failed, no_frame_to_send_from, tx_ring_full;
  };
  using Frame = std::span<const Part>;  // its buffers, each with a reference
  struct Extent {
    std::uint32_t buffers = 0;
    std::uint32_t size = 0;  // bytes
    bool whole = false;
  };

  std::size_t receive_batch(std::span<Packet> out, std::uint32_t& ready) noexcept;
  std::size_t receive_scattered(std::span<Packet> out, std::uint32_t& used, std::uint32_t ready) noexcept;
  Extent measure(std::uint32_t at, std::uint32_t ready) const noexcept;
  Part take(std::uint32_t at) noexcept;
  SpentBuffer take_spent(std::uint32_t at) noexcept;
  Frame take_rest(const Part& first, std::uint32_t at, std::uint32_t buffers) noexcept;
  bool look_at(std::span<const std::byte> first, std::uint32_t size, PacketInfo& info) noexcept;
  void deliver_single(const xdp_desc& buffer, Packet& packet) noexcept;
  void deliver_scattered(std::uint32_t at, const Extent& extent, Packet& packet) noexcept;
  void deliver_whole(Frame frame, Packet& packet) noexcept;
  void deliver_joined(Frame frame, Packet& packet) noexcept;
  void deliver_split_each(const Part& first, std::uint32_t at, const Extent& extent, Packet& packet) noexcept;
  void deliver_split(const Part& first, std::uint32_t at, const Extent& extent, Packet& packet) noexcept;
  void drop_spent(std::uint32_t count) noexcept;
  void finish_deliver_split(bool added, std::uint32_t frame_size, Packet& packet) noexcept;
  std::size_t finish_split(std::span<Packet> packets) noexcept;
  void put_back(std::span<const SpentBuffer> buffers) noexcept;
  std::size_t keep_unsplit(std::span<Packet> packets, SplitTally& tally) noexcept;
  std::size_t land(std::span<Packet> out) noexcept;
  void count_batch(const SplitTally& tally) noexcept;

  // What becomes of a packet that is to be sent.
  enum class Way : std::uint8_t { as_it_is, copied, too_large, too_small, empty };
  struct Ranges;
  [[nodiscard]] bool is_one_range(const Packet& packet, Part& range) const noexcept;
  [[nodiscard]] Way way_of(const Packet& packet, Ranges& ranges) const noexcept;
  std::size_t transmit_batch(std::span<Packet> packets) noexcept;
  [[nodiscard]] std::size_t enqueue_usual(std::span<Packet> packets) noexcept;
  [[nodiscard]] bool enqueue_any(std::span<Packet> packets) noexcept;
  void linearize(std::span<Packet> packets) noexcept;
  [[nodiscard]] bool enqueue(Packet& packet, const Ranges& ranges) noexcept;
  void complete_batch(std::uint32_t count) noexcept;
  void post(std::uint32_t least) noexcept;
  void show_posted(std::uint32_t count) noexcept;

  XdpFrames frames_;
  Linearizer linearizer_;
  std::optional<HeaderSplit> split_;
  std::optional<SplitFlight> flight_;
  XdpQueueOptions options_;
  const std::uint32_t many_missing_;   // so many before they are posted at once,
  const std::uint32_t least_missing_;  // and so many with the next receive()
  XdpProducer<std::uint64_t> fill_;
  XdpConsumer<std::uint64_t> completion_;
  XdpConsumer<xdp_desc> receive_;
  XdpProducer<xdp_desc> transmit_;
  // Of the frame being received, if it has several buffers, and what has been sent: here, so that nobody clears them
  // each time.
  std::array<Part, kMostBuffers> buffers_;
  std::array<Netmem, kBatch> going_home_;
  std::vector<SpentBuffer> spent_;  // of the batch being received
  PacketInfo arrived_;              // what the packets of the batch being received have in common
  SplitTally tally_;                // of that batch
  std::uint64_t taken_ = 0;
  bool page_each_ = false;
  bool starved_ = false;
  bool discarding_ = false;  // the rest of a frame of too many buffers
  bool waiting_ = false;     // for the last buffers of a frame
  SingleWriter<std::uint64_t> posted_, sending_;
  Counts counts_;
};

}  // namespace netmem
