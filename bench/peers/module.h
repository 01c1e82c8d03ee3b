// What every peer's module includes, once.
#pragma once

#include "bench/loops/loop.h"
#include "bench/loops/processors.h"

// Adds the peer's loops. The only symbol that a module shows.
extern "C" [[gnu::visibility("default")]] void netmem_peer_loops(netmem::bench::LoopList& loops);

namespace netmem::bench {

// A module has a list of processors of its own, made while it is opened: peers.cc sees to it that the opening thread
// may use all of them then.
inline const std::vector<int>& kProcessorsOfModule = processors();

}  // namespace netmem::bench
