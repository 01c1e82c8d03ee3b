// What `netmem echo` does with the packets of one queue: sends them back through the port they came from.
// Threads: the queue's.
#pragma once

#include <array>

#include "tools/packet_quota.h"
#include "tools/queue_work.h"
#include "tools/turn_around.h"

namespace netmem::tool {

class PacketEcho final : public QueueWork {
 public:
  // How often the kernel is asked to make room before packets are given up, a millisecond each.
  static constexpr int kTries = 20;
  // For what is still to be sent at the end.
  static constexpr int kLastFlushMs = 1000;

  explicit PacketEcho(PacketQuota& quota) : quota_(quota) {}

  Result<void> process(XdpPort& port, std::span<Packet> packets) override;
  Result<void> finish(XdpPort& port) override;
  // Packets that were seen = echoed + the others; echoed are those that were given to the port.
  [[nodiscard]] std::vector<Counter> counters() const override;

 private:
  void send(XdpPort& port, std::span<Packet> packets);

  PacketQuota& quota_;
  SingleWriter<std::uint64_t> echoed_, not_sent_;
  std::array<SingleWriter<std::uint64_t>, 4> refused_;  // by Answer
};

}  // namespace netmem::tool
