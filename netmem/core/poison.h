// In AddressSanitizer builds the bytes of a host page at rest are poisoned; in all other builds these are nothing, but
// for what bench/regression-experiment plants here (netmem/core/experiment.h).
#pragma once

#include "netmem/core/experiment.h"
#include "netmem/core/netmem.h"

#ifdef NETMEM_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace netmem {

#ifdef NETMEM_ASAN
NETMEM_EXPORT std::size_t page_size_of(Netmem page);

inline void poison(Netmem page) {
  if (!page.is_device())
    ASAN_POISON_MEMORY_REGION(reinterpret_cast<void*>(page.descriptor().address), page_size_of(page));
}
inline void unpoison(Netmem page) {
  if (!page.is_device())
    ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<void*>(page.descriptor().address), page_size_of(page));
}
#else
inline void poison(Netmem page) { experiment::look_at_kind(page); }
inline void unpoison(Netmem page) { experiment::look_at_kind(page); }
#endif

}  // namespace netmem
