// The rings that an AF_XDP socket shares with the kernel: one side writes entries and the producer's index, the other
// reads them and writes the consumer's. Indices run through 32 bits and wrap; their difference is what lies between.
//
//   consumer ---> [ entries the consumer may read ] ---> producer ---> [ room for the producer ] ---> consumer + size
//
// Threads: one on this side, the kernel on the other. Each index is read again only when what was read before does not
// do, so that its cache line stays where it is written.
// Source: Linux Documentation/networking/af_xdp.rst, net/xdp/xsk_queue.h, include/uapi/linux/if_xdp.h.
#pragma once

#include <linux/if_xdp.h>

#include <cstdint>

#include "netmem/base/check.h"

namespace netmem {

// One ring's words, wherever they lie. Sizes are powers of two.
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

// XDP_PKT_CONTD of linux/if_xdp.h, since Linux 6.6: the frame goes on in the next entry.
inline constexpr std::uint32_t kXdpContinues = 1;

// A ring that the kernel fills: receive, completion.
template <class Entry>
class XdpConsumer {
 public:
  explicit XdpConsumer(const XdpRing& ring)
      : ring_(ring), mask_(ring.size - 1), next_(__atomic_load_n(ring.consumer, __ATOMIC_RELAXED)), known_(next_) {}

  // Entries to read; looks for more when it knows of fewer than `wanted`.
  [[nodiscard]] std::uint32_t available(std::uint32_t wanted) {
    if (known_ - next_ < wanted) look();
    return known_ - next_;
  }
  // The i-th of them. REQUIRES: i < available().
  [[nodiscard]] const Entry& entry(std::uint32_t i) const {
    return static_cast<const Entry*>(ring_.entries)[(next_ + i) & mask_];
  }
  // Gives the first `count` entries back to the kernel.
  void release(std::uint32_t count) {
    next_ += count;
    __atomic_store_n(ring_.consumer, next_, __ATOMIC_RELEASE);  // partner: the kernel's load before it writes entries
  }

 private:
  void look() {
    const std::uint32_t now = __atomic_load_n(ring_.producer, __ATOMIC_ACQUIRE);  // partner: the kernel's store
    NETMEM_CHECK(now - next_ <= ring_.size && now - next_ >= known_ - next_,
                 "xdp: the kernel's index of a ring of %u entries went from %u to %u, and %u is the next to be read",
                 ring_.size, known_, now, next_);
    known_ = now;
  }

  XdpRing ring_;
  std::uint32_t mask_;
  std::uint32_t next_;   // the next entry to read; the ring's word says the same
  std::uint32_t known_;  // the kernel had written the entries before this one
};

// A ring that the kernel empties: fill, transmit.
template <class Entry>
class XdpProducer {
 public:
  explicit XdpProducer(const XdpRing& ring)
      : ring_(ring),
        mask_(ring.size - 1),
        next_(__atomic_load_n(ring.producer, __ATOMIC_RELAXED)),
        published_(next_),
        known_(__atomic_load_n(ring.consumer, __ATOMIC_ACQUIRE)) {
    NETMEM_CHECK(published_ - known_ <= ring_.size, "xdp: a ring of %u entries begins with %u of them in use",
                 ring_.size, published_ - known_);
  }

  // Entries that can be put; looks for more when it knows of fewer than `wanted`.
  [[nodiscard]] std::uint32_t room(std::uint32_t wanted) {
    if (ring_.size - (next_ - known_) < wanted) look();
    return ring_.size - (next_ - known_);
  }
  // REQUIRES: room() for one.
  void put(const Entry& entry) { static_cast<Entry*>(ring_.entries)[next_++ & mask_] = entry; }
  // Fetches the lines that the next `count` entries go to: the kernel, on another processor, read them last.
  void prefetch(std::uint32_t count) const {
    for (std::uint32_t i = 0; i < count; i += 64 / sizeof(Entry))
      __builtin_prefetch(static_cast<const Entry*>(ring_.entries) + ((next_ + i) & mask_), 1);
  }
  // Shows the kernel what was put.
  void publish() {
    if (published_ == next_) return;
    published_ = next_;
    __atomic_store_n(ring_.producer, next_, __ATOMIC_RELEASE);  // partner: the kernel's load before it reads entries
  }
  [[nodiscard]] bool wants_wakeup() const {
    return ring_.flags != nullptr && (__atomic_load_n(ring_.flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP) != 0;
  }

 private:
  void look() {
    const std::uint32_t now = __atomic_load_n(ring_.consumer, __ATOMIC_ACQUIRE);  // partner: the kernel's store
    NETMEM_CHECK(published_ - now <= published_ - known_,
                 "xdp: the kernel's index of a ring of %u entries went from %u to %u, and %u is the last it may read",
                 ring_.size, known_, now, published_);
    known_ = now;
  }

  XdpRing ring_;
  std::uint32_t mask_;
  std::uint32_t next_;       // where the next entry goes
  std::uint32_t published_;  // what the ring's word says
  std::uint32_t known_;      // the kernel had read the entries before this one
};

}  // namespace netmem
