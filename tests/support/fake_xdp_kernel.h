// The kernel's side of an AF_XDP socket, in ordinary memory: takes frames from the fill ring, puts what a test delivers
// into them and onto the receive ring, collects what is on the transmit ring and completes it when it is told to. What
// a kernel would never do has a function, too.
//
// Threads: one. Sources: Linux Documentation/networking/af_xdp.rst, net/xdp/xsk.c.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <vector>

#include "netmem/core/region.h"
#include "netmem/ports/xdp/queue.h"

namespace netmem {

class FakeXdpKernel {
 public:
  struct Options {
    std::uint32_t chunk = 4096;
    std::uint32_t headroom = 0;
    std::uint32_t ring = 64;
    std::uint32_t first_index = 0;  // of every ring
  };
  static constexpr std::uint32_t kReserved = 256;  // XDP_PACKET_HEADROOM, include/uapi/linux/bpf.h

  FakeXdpKernel(const Region& umem, const Options& options)
      : umem_(umem), options_(options), fill_(options), completion_(options), receive_(options), transmit_(options) {}

  [[nodiscard]] XdpRings rings() {
    return {.fill = fill_.words(),
            .completion = completion_.words(),
            .receive = receive_.words(),
            .transmit = transmit_.words()};
  }

  // Bytes of a frame that one buffer takes.
  [[nodiscard]] std::uint32_t buffer_size() const { return options_.chunk - kReserved - options_.headroom; }

  // A frame comes off the wire. False: it is lost, and counted.
  bool deliver(std::span<const std::byte> frame) { return deliver(frame, buffer_size()); }
  // In buffers of at most `most` bytes.
  bool deliver(std::span<const std::byte> frame, std::uint32_t most) {
    const std::size_t buffers = std::max<std::size_t>((frame.size() + most - 1) / most, 1);
    take_posted();
    if (frames.size() < buffers) {
      ++fill_ring_empty;
      return false;
    }
    if (receive_.room() < buffers) {
      ++rx_ring_full;
      return false;
    }
    for (std::size_t i = 0; i < buffers; ++i) {
      const std::size_t size = std::min<std::size_t>(frame.size() - i * most, most);
      put_buffer(frame.subspan(i * most, size), i + 1 != buffers);
    }
    ++delivered;
    return true;
  }
  // One buffer alone. REQUIRES: frames in hand (take_posted()).
  void put_buffer(std::span<const std::byte> bytes, bool continues) {
    const std::uint64_t address = frames.front() + kReserved + options_.headroom;
    frames.pop_front();
    if (!bytes.empty()) std::memcpy(at(address), bytes.data(), bytes.size());
    receive_.put({address, static_cast<std::uint32_t>(bytes.size()), continues ? kXdpContinues : 0});
  }
  // From the fill ring into `frames`.
  void take_posted() {
    while (fill_.size() != 0) frames.push_back(fill_.take());
  }

  // Takes what is on the transmit ring, at most `most` descriptors: the packets are in `sent`, their addresses in
  // `uncompleted`.
  void take_transmitted(std::size_t most = ~std::size_t{0}) {
    for (; most != 0 && transmit_.size() != 0; --most) {
      const xdp_desc part = transmit_.take();
      const std::uint64_t offset = part.addr & (options_.chunk - 1);
      ASSERT_GT(part.len, 0U);  // xp_aligned_validate_desc, net/xdp/xsk_queue.h: such a one never completes
      ASSERT_LE(offset + part.len, options_.chunk);
      ASSERT_LT(part.addr, umem_.size());
      ASSERT_EQ(part.options & ~kXdpContinues, 0U);
      const std::byte* const bytes = at(part.addr);
      unfinished_.insert(unfinished_.end(), bytes, bytes + part.len);
      ++unfinished_parts_;
      uncompleted.push_back(part.addr);
      if ((part.options & kXdpContinues) != 0) continue;
      ASSERT_LE(unfinished_parts_, 18U);
      sent.push_back(std::exchange(unfinished_, {}));
      parts_of_sent.push_back(std::exchange(unfinished_parts_, 0));
    }
  }
  // Says that the i-th of `uncompleted` is done; false: no room in the ring.
  bool complete(std::size_t i = 0) {
    if (completion_.room() == 0) return false;
    completion_.put(uncompleted.at(i));
    uncompleted.erase(uncompleted.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  void complete_all() {
    while (!uncompleted.empty() && complete()) {
    }
  }

  // What no kernel does.
  void say_received(xdp_desc buffer) { receive_.put(buffer); }
  void say_completed(std::uint64_t address) { completion_.put(address); }

  [[nodiscard]] std::size_t in_receive_ring() const { return receive_.size(); }
  [[nodiscard]] std::size_t in_fill_ring() const { return fill_.size(); }
  [[nodiscard]] std::size_t in_transmit_ring() const { return transmit_.size(); }
  [[nodiscard]] std::size_t in_completion_ring() const { return completion_.size(); }
  void want_wakeups(bool receive, bool send) {
    fill_.flags = receive ? XDP_RING_NEED_WAKEUP : 0;
    transmit_.flags = send ? XDP_RING_NEED_WAKEUP : 0;
  }

  template <class Entry>
  struct Ring {
    explicit Ring(const Options& options)
        : producer(options.first_index), consumer(options.first_index), entries(options.ring) {}
    XdpRing words() {
      return {&producer, &consumer, &flags, entries.data(), static_cast<std::uint32_t>(entries.size())};
    }
    [[nodiscard]] std::uint32_t size() const { return producer - consumer; }
    [[nodiscard]] std::size_t room() const { return entries.size() - size(); }
    void put(Entry entry) {
      entries[producer & (entries.size() - 1)] = entry;
      __atomic_store_n(&producer, producer + 1, __ATOMIC_RELEASE);
    }
    void for_each(const auto& use) const {
      for (std::uint32_t i = consumer; i != producer; ++i) use(entries[i & (entries.size() - 1)]);
    }
    Entry take() {
      const Entry entry = entries[consumer & (entries.size() - 1)];
      __atomic_store_n(&consumer, consumer + 1, __ATOMIC_RELEASE);
      return entry;
    }

    std::uint32_t producer;
    std::uint32_t consumer;
    std::uint32_t flags = 0;
    std::vector<Entry> entries;
  };
  Ring<std::uint64_t>& fill_ring() { return fill_; }
  Ring<std::uint64_t>& completion_ring() { return completion_; }
  Ring<xdp_desc>& receive_ring() { return receive_; }
  Ring<xdp_desc>& transmit_ring() { return transmit_; }

  std::deque<std::uint64_t> frames;        // taken from the fill ring, not yet used
  std::vector<std::uint64_t> uncompleted;  // taken from the transmit ring, not yet on the completion ring
  std::deque<std::vector<std::byte>> sent;
  std::deque<std::size_t> parts_of_sent;
  std::uint64_t delivered = 0, fill_ring_empty = 0, rx_ring_full = 0;

 private:
  [[nodiscard]] std::byte* at(std::uint64_t address) const {
    return reinterpret_cast<std::byte*>(umem_.address()) + address;
  }

  const Region& umem_;
  Options options_;
  Ring<std::uint64_t> fill_, completion_;
  Ring<xdp_desc> receive_, transmit_;
  std::vector<std::byte> unfinished_;
  std::size_t unfinished_parts_ = 0;
};

}  // namespace netmem
