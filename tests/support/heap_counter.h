// Counts this thread's heap allocations, in every program that asks. Sanitizers have an operator new of their own:
// there nothing is counted.
#pragma once

#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NETMEM_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NETMEM_UNDER_SANITIZER 1
#endif
#endif

namespace netmem {

std::uint64_t heap_allocations();

}  // namespace netmem
