// Copies packets whose bytes lie in device memory or in other regions together into frames, so that they can be sent.
//
// Threads: the consumer of the frames' pool. Nothing is allocated from the heap after creation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "netmem/packet/packet.h"
#include "netmem/ports/xdp_frames.h"

namespace netmem {

class Gather {
 public:
  static constexpr std::size_t kMostPackets = 64;  // between two copy()
  // Frames for one packet.
  static constexpr std::size_t kMostFrames = Packet::kMostPayloads + 1;

  explicit Gather(XdpFrames& frames);

  // Prepares to make `packet` a copy of itself. False: the pool has not enough frames, and nothing was done. REQUIRES:
  // it is not empty and fits kMostFrames chunks; it stays where it is until copy().
  [[nodiscard]] bool add(Packet& packet) noexcept;
  // Copies what was added. What could not be copied is dropped: how many packets.
  std::size_t copy() noexcept;

 private:
  struct Job {
    Packet* packet;
    Packet copy;
  };
  void add_bytes(const Part& from, std::span<const Part> frames, std::uint32_t at) noexcept;
  [[nodiscard]] bool copy_out_of_devices() noexcept;

  XdpFrames& frames_;
  std::vector<Job> jobs_;
  std::vector<CopyOut> copies_;
};

}  // namespace netmem
