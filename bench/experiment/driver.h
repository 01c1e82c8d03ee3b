// The main function of programs that run loops for a script. Results are JSON on stdout.
//
//   PROGRAM list                                   the loops' names, one on a line
//   PROGRAM count N NAME...                        for an instruction counter that is switched on inside
//   netmem_counted()
//                                                  alone: runs each loop N times to warm up, then N times and 2 N times
//                                                  in there. The second less the first is exact for N elements.
//   PROGRAM time MILLISECONDS REPETITIONS NAME...  cycles per element; the loops take turns, pinned, warmed up
#pragma once

#include <span>

#include "bench/loops/loop.h"

namespace netmem::bench {

// The exit status: 0, 1 (a loop cannot run here), 2 (cannot understand the arguments).
int drive(const char* program, const LoopList& all, std::span<char*> arguments);

}  // namespace netmem::bench
