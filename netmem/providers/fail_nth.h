// Decorator `fail_nth`: fault injection. The n-th grant gives nothing, all others are the wrapped provider's.
#pragma once

#include <cstdint>
#include <memory>

#include "netmem/core/memory_provider.h"

namespace netmem {

// kEvery: the n-th, the 2n-th, ... Users write these names, so they stay as they are.
// NOLINTNEXTLINE(readability-identifier-naming)
enum class FailNth { kOnce, kEvery };

// `n` counts grant calls from 1. Counters, before the wrapped provider's: fail_nth_grants (calls), fail_nth_failed.
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_fail_nth_provider(std::shared_ptr<MemoryProvider> inner,
                                                                             std::uint64_t n,
                                                                             FailNth mode = FailNth::kOnce);

}  // namespace netmem
