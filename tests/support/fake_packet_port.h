// A port without an interface: keeps what is sent through it, as far as it is told to have room. One thread.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "netmem/ports/xdp/port.h"

namespace netmem {

class FakePacketPort final : public XdpPort {
 public:
  std::size_t room = 1000;           // packets that it takes until flush()
  std::size_t room_after_flush = 0;  // what flush() makes of it
  std::vector<Packet> sent;
  int flushes = 0;

  Result<std::size_t> receive(std::span<Packet> /*out*/, int /*timeout_ms*/) override { return 0; }
  std::size_t transmit(std::span<Packet> packets) override {
    std::size_t done = 0;
    for (; done < packets.size(); ++done) {
      if (!packets[done]) continue;
      if (room == 0) break;
      --room;
      sent.push_back(std::move(packets[done]));
    }
    return done;
  }
  bool flush(int /*timeout_ms*/) override {
    ++flushes;
    room = std::max(room, room_after_flush);
    return true;
  }
  void wake() noexcept override {}
  [[nodiscard]] bool zero_copy() const override { return false; }
  [[nodiscard]] std::string describe() const override { return "fake"; }
  [[nodiscard]] std::vector<Counter> counters() const override { return {}; }
};

}  // namespace netmem
