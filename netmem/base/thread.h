// A number for each thread that is never used again, cheap enough to compare on every packet.
#pragma once

#include <cstdint>

#include "netmem/base/export.h"

namespace netmem {

using ThreadId = std::uint64_t;

inline constexpr ThreadId kNoThread = ~ThreadId{0};

// 0 until the thread asks for a number with assign_thread_id(). The model keeps the access to two instructions, also
// from another shared object.
NETMEM_EXPORT extern constinit thread_local ThreadId this_thread_number __attribute__((tls_model("initial-exec")));

// Gives the calling thread its number at the first call; the same number ever after.
NETMEM_EXPORT ThreadId assign_thread_id();

}  // namespace netmem
