#include "tools/packet_echo.h"

namespace netmem::tool {

Result<void> PacketEcho::process(XdpPort& port, std::span<Packet> packets) {
  const std::span<Packet> wanted = packets.first(quota_.claim(packets.size()));
  count(wanted, packets.size() - wanted.size());
  for (Packet& packet : wanted) {
    const Answer answer = turn_around(packet);
    if (answer == Answer::ready) continue;
    refused_.at(static_cast<std::size_t>(answer)).add(1);
    packet.reset();
  }
  send(port, wanted);
  return {};
}

void PacketEcho::send(XdpPort& port, std::span<Packet> packets) {
  std::uint64_t ready = 0;
  for (const Packet& packet : packets) ready += packet ? 1 : 0;
  for (int tries = 0; !packets.empty() && tries < kTries; ++tries) {
    const std::size_t sent = port.transmit(packets);
    packets = packets.subspan(sent);
    if (sent != 0) tries = 0;
    if (!packets.empty()) port.flush(1);
  }
  std::uint64_t left = 0;
  for (Packet& packet : packets) left += packet ? 1 : 0;
  echoed_.add(ready - left);
  not_sent_.add(left);
}

Result<void> PacketEcho::finish(XdpPort& port) {
  port.flush(kLastFlushMs);
  return {};
}

std::vector<Counter> PacketEcho::counters() const {
  const auto refused = [this](Answer answer) { return refused_.at(static_cast<std::size_t>(answer)).read(); };
  return {{"echoed", echoed_.read()},
          {"not_udp", refused(Answer::not_udp)},
          {"to_many", refused(Answer::to_many)},
          {"no_sender", refused(Answer::no_sender)},
          {"not_sent", not_sent_.read()}};
}

}  // namespace netmem::tool
