// Connects to "127.0.0.1:9000", "[::1]:9000" or "localhost:9000": every address that the name has is tried once, in the
// order that the system gives. Any thread.
#pragma once

#include <chrono>
#include <string>

#include "netmem/base/error.h"
#include "netmem/base/fd.h"

namespace netmem::tool {

struct Connected {
  Fd socket;         // does not block
  std::string peer;  // "[::1]:9000"
};

// Unlike netmem::connect_to, ends early, with an error, when the user asks for a stop. `timeout`: how long each address
// has to answer; 0: as long as the kernel tries.
Result<Connected> open_connection(const std::string& address, std::chrono::milliseconds timeout);

}  // namespace netmem::tool
