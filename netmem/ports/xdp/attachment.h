// The XDP program at an interface: loads and attaches it through a BPF link, or joins the one that another netmem
// process has attached. The kernel keeps program and maps as long as a process holds the link, and no longer.
//
// Two processes that attach at the same time: the kernel lets one, and the other joins it.
// Threads: any, in the network namespace of the interface.
#pragma once

#include <cstdint>
#include <string>

#include "netmem/base/fd.h"
#include "netmem/ports/xdp/port.h"

namespace netmem {

struct XdpAttachment {
  Fd link;
  // Maps of the program (xdp_program.h).
  Fd sockets, matches, queues;
  std::uint32_t slots = 0;  // of the maps that go by queue
  XdpMode mode = XdpMode::native;
  bool multi_buffer = false;
  bool joined = false;
};

// `queues`: receive queues that the interface can have.
Result<XdpAttachment> attach_xdp(const std::string& interface, unsigned index, unsigned queues, XdpMode mode);

}  // namespace netmem
