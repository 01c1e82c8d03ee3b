// netmem recv --listen: connections received into pages of any memory, and read back for files and digests. One thread,
// main's.
#pragma once

#include <chrono>
#include <string>

#include "tools/arguments.h"
#include "tools/output.h"

namespace netmem::tool {

struct ConnectionArguments {
  std::string listen;
  std::string memory;
  std::size_t page_size = 4096;
  std::string landing = "auto";
  std::size_t message = 0;               // bytes of each message, which lands in one piece; 0: --placement pages
  std::chrono::milliseconds timeout{0};  // from one byte to the next; 0: none
  std::chrono::milliseconds message_timeout{0};  // for each message; 0: none
  std::string output;
  CommonArguments common;
};

// The program's exit code.
int recv_connections(const ConnectionArguments& arguments, OutputPlan outputs);

}  // namespace netmem::tool
