// Decorator `limit`: at most so many bytes of the wrapped provider granted at a time. Several limits may share one
// provider. A page that leaves its pool for good (disconnect) leaves the budget, too.
#pragma once

#include <memory>

#include "netmem/core/memory_provider.h"

namespace netmem {

// Counters, before the wrapped provider's: limit_bytes, limit_granted (bytes now), limit_refused (pages that were asked
// for beyond the budget), limit_disconnected (pages).
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_limit_provider(std::shared_ptr<MemoryProvider> inner,
                                                                          std::size_t bytes);

}  // namespace netmem
