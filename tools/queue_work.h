// What is done with the packets of one queue: its own thread calls everything but the counts.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "netmem/base/single_writer.h"
#include "netmem/ports/xdp/port.h"

namespace netmem::tool {

class QueueWork {
 public:
  using Clock = std::chrono::steady_clock;

  QueueWork() = default;
  QueueWork(const QueueWork&) = delete;
  QueueWork& operator=(const QueueWork&) = delete;
  virtual ~QueueWork() = default;

  // Packets that are left in `packets` afterwards are dropped. An error ends the program's work on all queues.
  virtual Result<void> process(XdpPort& port, std::span<Packet> packets) = 0;
  // Once, after the last packets; not after an error of process().
  virtual Result<void> finish(XdpPort& port) = 0;

  // Any thread: what was wanted and done so far. Bytes: payload; frame bytes: the headers, too.
  struct Counts {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t frame_bytes = 0;
    std::uint64_t beyond_count = 0;  // arrived after the last one that was wanted
  };
  [[nodiscard]] Counts counts() const {
    return {packets_.read(), bytes_.read(), frame_bytes_.read(), beyond_count_.read()};
  }
  // When the first and the last of them came. REQUIRES: finish() has returned, or the thread is done.
  [[nodiscard]] Clock::time_point first() const { return first_; }
  [[nodiscard]] Clock::time_point last() const { return last_; }
  // Hexadecimal, and the file; empty without. REQUIRES: the same.
  [[nodiscard]] virtual std::string digest() { return {}; }
  // Computed by the device whose memory the payload is in.
  [[nodiscard]] virtual bool digest_on_device() const { return false; }
  [[nodiscard]] virtual std::string output() const { return {}; }
  // By name, beside the port's.
  [[nodiscard]] virtual std::vector<Counter> counters() const { return {}; }

 protected:
  // Counts the packets in front that are wanted, and those behind them that are not.
  void count(std::span<const Packet> wanted, std::size_t beyond) {
    std::uint64_t bytes = 0, frame_bytes = 0;
    for (const Packet& packet : wanted) {
      const std::uint32_t payload = packet.payload_size();
      bytes += payload;
      frame_bytes += payload + packet.header().size;
    }
    bytes_.add(bytes);
    frame_bytes_.add(frame_bytes);
    packets_.add(wanted.size());
    beyond_count_.add(beyond);
    if (wanted.empty()) return;
    last_ = Clock::now();
    if (first_ == Clock::time_point()) first_ = last_;
  }

 private:
  SingleWriter<std::uint64_t> packets_, bytes_, frame_bytes_, beyond_count_;
  Clock::time_point first_, last_;
};

}  // namespace netmem::tool
