// Another program, run to its end: its standard input is given, its outputs are collected. No shell is involved, and
// nothing that the program does to its end of a pipe can hurt or block the caller.
//
// Threads: any. Each call waits for the program, at most as long as it was told to.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "netmem/base/error.h"

namespace netmem::tool {

struct Finished {
  int status = 0;  // the exit code; 128 + N when signal N ended it, as shells say it
  std::string out;
  std::string err;
};

// Looks for command[0] in PATH. The error's code is ENOENT when there is no such program, and ETIMEDOUT when it took
// too long and was killed. The program's messages and numbers are those of the locale C.
Result<Finished> run_program(const std::vector<std::string>& command, std::string_view input,
                             std::chrono::milliseconds limit);

}  // namespace netmem::tool
