// Every loop that there is, whoever's: baselines, the pool's, and those of the peers that are installed.
#pragma once

#include <string>
#include <vector>

#include "bench/loops/loop.h"

namespace netmem::bench {

LoopList baseline_loops();    // for_loop, atomic_inc, lock, and the floors: a bare array, a bare ring
LoopList pool_loops();        // page_pool01 to 03, bursts, bulk, fragments, shared pages, page sizes, pool sizes
LoopList cross_core_loops();  // pages returned by other threads

}  // namespace netmem::bench
