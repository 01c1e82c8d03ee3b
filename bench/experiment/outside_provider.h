// A memory provider that is none of the library's: written against the public header, as a user would.
#pragma once

#include "netmem/netmem.h"

namespace netmem::bench {

// Host memory. Threads and contract: netmem/core/memory_provider.h.
Result<std::shared_ptr<MemoryProvider>> make_outside_provider(std::size_t size, std::size_t page_size);

}  // namespace netmem::bench
