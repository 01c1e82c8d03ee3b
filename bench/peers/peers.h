// The peers: what people would use instead of a page pool, measured in the same process and the same run. netmem needs
// none of them. Each is a module, netmem_peer_X.so, that is opened here and stays open; its library's symbols stay its
// own, so that a peer which brings a malloc does not become the program's.
//
// Threads: as Loop; peer_loops() from one thread at a time, before or after that thread is pinned.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/loops/loop.h"

namespace netmem::bench {

// A peer that cannot be measured.
struct Missing {
  std::string name;    // as loops name it: "dpdk_mempool"
  std::string reason;  // why, and what to do: "libdpdk was not there when netmem was built; install ..."
};

// The loops of every peer that opens; the others are added to `missing`. Cheap: a library that takes time or memory to
// start is started by LoopSpec::make(), which says so when it cannot.
LoopList peer_loops(std::vector<Missing>& missing);

// The same with modules from these folders, the first that has one: peer_loops() looks beside the program and where an
// install puts them.
LoopList peer_loops(std::vector<Missing>& missing, const std::vector<std::filesystem::path>& folders);

// malloc of the C library itself; needs no module. Missing when something was put in front of it (LD_PRELOAD).
void glibc_loops(LoopList& loops, std::vector<Missing>& missing);

}  // namespace netmem::bench
