// Puts packets whose bytes lie in several places together, so that they can be sent: what is in device memory or in
// another region, and what is in more parts than the kernel takes. The bytes go behind the header, where its page is
// nobody else's and has room, or else all of them into new frames.
//
// Threads: the consumer of the frames' pool. Nothing is allocated from the heap after creation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "netmem/packet/packet.h"
#include "netmem/ports/xdp/frames.h"

namespace netmem {

class Linearizer {
 public:
  static constexpr std::size_t kMostPackets = 64;  // between two copy()
  // Frames for one packet.
  static constexpr std::size_t kMostFrames = Packet::kMostPayloads + 1;

  explicit Linearizer(XdpFrames& frames);

  // Prepares to put `packet` together. False: the pool has not enough frames, and nothing was done. REQUIRES: it is not
  // empty, fits kMostFrames chunks, and stays where it is until copy().
  [[nodiscard]] bool add(Packet& packet) noexcept;
  // Copies, and drops what the bytes lay in. False: a copy engine refused, and all that was added is dropped.
  [[nodiscard]] bool copy() noexcept;

 private:
  struct Job {
    Packet* packet;
    Part whole;   // the header's part once everything is behind it, or else
    Packet copy;  // what the packet becomes
  };
  [[nodiscard]] bool fits_behind_header(const Packet& packet) const noexcept;
  void add_behind_header(Packet& packet) noexcept;
  [[nodiscard]] bool add_frames(Packet& packet) noexcept;
  void add_bytes(const Part& from, std::byte* to) noexcept;
  [[nodiscard]] bool copy_out_of_devices() noexcept;
  void finish(Job& job) noexcept;

  XdpFrames& frames_;
  std::vector<Job> jobs_;
  std::vector<CopyOut> copies_;
  std::vector<Netmem> spent_;
};

}  // namespace netmem
