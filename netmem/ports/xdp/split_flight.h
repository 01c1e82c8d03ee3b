// Received packets whose payload is on its way to a device: held until their bytes are there, and given out in the
// order in which they came, however the copies end.
//
//   put(ticket, packets) --> batch, batch, batch --poll()--> ended --take(out)--> packets
//
// Threads: the consumer of the pools; packets() may be read by any. Nothing is allocated from the heap after creation.
// Invariants:
//  1. What a copy reads and writes is held until its ticket has ended.
//  2. Packets come out in the order in which they were put, each once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "netmem/base/single_writer.h"
#include "netmem/core/copy_engine.h"
#include "netmem/packet/packet.h"

namespace netmem {

// What a batch adds to a queue's counters.
struct SplitTally {
  std::uint64_t packets = 0, bytes = 0;                                     // of frames, without those below
  std::uint64_t split_packets = 0, split_frame_bytes = 0, split_bytes = 0;  // with payload that is copied
};

// A buffer of a frame, with its reference, that nobody needs when its bytes are copied.
struct SpentBuffer {
  Netmem page;
  std::uint64_t address = 0;  // what the kernel calls it
};

class SplitFlight {
 public:
  static constexpr std::size_t kMostBatches = 4;
  static constexpr std::size_t kMostPackets = 64;  // of a batch
  static constexpr std::size_t kMostSpent = kMostPackets * (Packet::kMostPayloads + 1);

  struct Batch {
    std::span<Packet> packets;
    SplitTally tally;
    std::span<const SpentBuffer> spent;  // the caller's; valid until the next put()
    bool well;                           // false: the copy failed, and no payload can be relied on
  };

  // REQUIRES: the engine outlives the flight.
  explicit SplitFlight(CopyEngine& engine);
  // Waits for what is under way, and drops everything.
  ~SplitFlight();
  SplitFlight(const SplitFlight&) = delete;
  SplitFlight& operator=(const SplitFlight&) = delete;

  [[nodiscard]] bool empty() const { return count_ == 0; }
  // take() has something to give.
  [[nodiscard]] bool landed() const { return count_ != 0 && slots_[first_].ended; }
  [[nodiscard]] bool full() const { return count_ == kMostBatches; }
  [[nodiscard]] std::uint64_t packets() const { return packets_.read(); }

  // Takes the packets over, and buffers that the copy reads: `spent` is empty then. `done`: they only wait for those
  // before them. REQUIRES: not full.
  void put(CopyTicket ticket, std::span<Packet> packets, std::vector<SpentBuffer>& spent,
           const SplitTally& tally) noexcept;
  // The oldest batch, if its copy has ended since the last call: its packets may be dropped until take(). Never blocks.
  [[nodiscard]] std::optional<Batch> poll() noexcept;
  // Moves packets that have landed to the front of `out`, but for those that were dropped; how many.
  std::size_t take(std::span<Packet> out) noexcept;

 private:
  struct Slot {
    CopyTicket ticket = CopyTicket::done;
    bool ended = false;
    std::size_t next = 0;  // the first packet that is still to be taken
    std::size_t count = 0;
    SplitTally tally;
    std::array<Packet, kMostPackets> packets;
    std::vector<SpentBuffer> spent;
  };
  [[nodiscard]] Slot& oldest() { return slots_[first_]; }
  void wait(const Slot& slot) noexcept;

  CopyEngine& engine_;
  std::unique_ptr<Slot[]> slots_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  SingleWriter<std::uint64_t> packets_;
};

}  // namespace netmem
