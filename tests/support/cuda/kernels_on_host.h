// netmem/providers/gpu/kernels.cl as C++, one work item at a time: what the fake driver runs in place of the PTX that
// is made of the same source. The driver's own part (compiling PTX) is not tested by this; arguments, tables and tiles
// are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace kernels_on_host {

using uchar = unsigned char;
using uint = std::uint32_t;
using ulong = std::uint64_t;

// What a gather may read. The 16-byte words at its ends would fault on no GPU, but are not for us to read.
inline thread_local const std::byte *readable = nullptr, *readable_end = nullptr;

struct __attribute__((may_alias, aligned(16))) uint4 {
  uint4() = default;
  uint4(const uint4& from) : x(from.x), y(from.y), z(from.z), w(from.w) {
    const auto* const begin = reinterpret_cast<const std::byte*>(&from);
    const auto has = [&](const std::byte* edge) { return begin < edge && edge < begin + 16; };
    if (has(readable) || has(readable_end) || begin == readable_end || begin + 16 == readable) std::abort();
  }
  uint4& operator=(const uint4& from) = default;
  uint x, y, z, w;
};

inline thread_local ulong group_id = 0, local_id = 0;
inline ulong get_group_id(int) { return group_id; }
inline ulong get_local_id(int) { return local_id; }
inline void atomic_xor(uint* where, uint value) { *where ^= value; }

#define __kernel inline
#define __global
#include "netmem/providers/gpu/kernels.cl"
#undef __kernel
#undef __global

// All groups of so many items, one after the other.
template <class Kernel>
void run(unsigned groups, unsigned items, const Kernel& kernel) {
  for (group_id = 0; group_id < groups; ++group_id)
    for (local_id = 0; local_id < items; ++local_id) kernel();
}

}  // namespace kernels_on_host
