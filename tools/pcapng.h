// Writes captures that Wireshark, tshark and tcpdump read: pcapng, little endian, times in nanoseconds
// (draft-ietf-opsawg-pcapng). Nothing in Debian that links without Wireshark writes it with nanoseconds and queues:
// libpcap reads it only.
//
//   CaptureFile (one, shared)  <--- flush, whole blocks ---  CaptureBuffer (one per thread)
//
// Threads: CaptureFile: any. CaptureBuffer: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/shared_output.h"

namespace netmem::tool {

class CaptureFile {
 public:
  // A file or, for "-", standard output, with the blocks that come before the packets: section, one Ethernet interface.
  static Result<CaptureFile> create(const std::string& path, const std::string& interface);

  // Whole blocks.
  Result<void> write(std::span<const std::byte> blocks) { return output_->write(blocks); }
  // Gives the file its name, unless a write failed. REQUIRES: nobody writes any more.
  Result<void> finish() { return output_->finish(); }
  [[nodiscard]] const std::string& name() const { return output_->name(); }

 private:
  explicit CaptureFile(Output output) : output_(std::make_unique<SharedOutput>(std::move(output))) {}

  std::unique_ptr<SharedOutput> output_;
};

class CaptureBuffer {
 public:
  static constexpr std::size_t kSize = 1 << 20;
  // What a packet needs beyond its own bytes, at most.
  static constexpr std::size_t kOverhead = 64;

  explicit CaptureBuffer(CaptureFile& file) : file_(file), blocks_(kSize) {}

  struct Frame {
    std::uint64_t received_ns = 0;  // since 1970
    std::uint32_t queue = 0;
    std::uint32_t size = 0;
  };
  [[nodiscard]] bool has_room(std::size_t frame_size) const { return used_ + frame_size + kOverhead <= kSize; }
  // Room for the bytes of one received frame, to be filled before flush(). REQUIRES: has_room(frame.size).
  [[nodiscard]] std::span<std::byte> add(const Frame& frame);
  Result<void> flush();

 private:
  CaptureFile& file_;
  std::vector<std::byte> blocks_;
  std::size_t used_ = 0;
};

}  // namespace netmem::tool
