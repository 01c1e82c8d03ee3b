// netmem/providers/kernels.cl as C++, a work item at a time: what the fake driver runs in place of the PTX that is made
// of the same source. The driver's own part (compiling PTX) is not tested by this; arguments, tables and tiles are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kernels_on_host {

using uchar = unsigned char;
using uint = std::uint32_t;
using ulong = std::uint64_t;
struct __attribute__((may_alias, aligned(16))) uint4 {
  uint x, y, z, w;
};

inline thread_local ulong group_id = 0, local_id = 0;
inline ulong get_group_id(int) { return group_id; }
inline ulong get_local_id(int) { return local_id; }
inline void atomic_xor(uint* where, uint value) { *where ^= value; }

#define __kernel inline
#define __global
#include "netmem/providers/kernels.cl"
#undef __kernel
#undef __global

// All groups of so many items, one after the other.
template <class Kernel>
void run(unsigned groups, unsigned items, const Kernel& kernel) {
  for (group_id = 0; group_id < groups; ++group_id)
    for (local_id = 0; local_id < items; ++local_id) kernel();
}

}  // namespace kernels_on_host
