// Decorator `fail_nth`: fault injection. The n-th grant gives nothing, all others are the wrapped provider's.
#pragma once

#include <cstdint>
#include <memory>

#include "netmem/core/memory_provider.h"

namespace netmem {

enum class FailNth { once, every };  // every: the n-th, the 2n-th, ...

// `n` counts grant calls from 1. Counters, before the wrapped provider's: fail_nth_grants (calls), fail_nth_failed.
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_fail_nth_provider(std::shared_ptr<MemoryProvider> inner,
                                                                             std::uint64_t n,
                                                                             FailNth mode = FailNth::once);

}  // namespace netmem
