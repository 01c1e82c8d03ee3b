// Every loop that there is, whoever's: baselines, the pool's, and those of the peers that are installed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/loops/loop.h"
#include "netmem/core/memory_provider.h"

namespace netmem::bench {

LoopList baseline_loops();    // for_loop, atomic_inc, lock, and the floors: a bare array, a bare ring
LoopList pool_loops();        // page_pool01 to 03, bursts, bulk, fragments, shared pages, page sizes, pool sizes
LoopList cross_core_loops();  // pages returned by other threads
LoopList xdp_loops();         // the data path of port xdp, against a kernel in the same thread
LoopList unchecked_loops();   // what would be left of some of them without the pool's checks

// The loops of one page size and pool size on memory that is none of the library's; `name` stands behind the slash.
LoopList pool_loops_on(std::string name,
                       Result<std::shared_ptr<MemoryProvider>> (*memory)(std::size_t size, std::size_t page_size));

}  // namespace netmem::bench
