// Connects to "127.0.0.1:9000", "[::1]:9000" or "localhost:9000": every address that the name has is tried once, in the
// order that the system gives. Any thread.
#pragma once

#include <string>

#include "netmem/base/error.h"
#include "netmem/base/fd.h"

namespace netmem::tool {

struct Connected {
  Fd socket;         // does not block
  std::string peer;  // "[::1]:9000"
};

// Unlike netmem::connect_to, ends early, with an error, when the user asks for a stop.
Result<Connected> open_connection(const std::string& address);

}  // namespace netmem::tool
