// Makes a received datagram its own answer: addresses and ports change places. Its checksum is as good as before, and
// finished where a sender on this machine has left it to hardware. Any thread.
#pragma once

#include <cstdint>

#include "netmem/packet/packet.h"

namespace netmem::tool {

enum class Answer : std::uint8_t {
  ready,      // the packet can be sent
  not_udp,    // unsplit, or no UDP
  to_many,    // it went to a broadcast or multicast address, which nobody may send from
  no_sender,  // its sender does not say a port or an address to answer to
};

// REQUIRES: all of the packet is host memory and no part was taken out. Nothing is changed unless `ready`.
Answer turn_around(Packet& packet);

}  // namespace netmem::tool
