// Where the generations of pages go on whose descriptors were unmapped. When a block of descriptors comes back from the
// system at an address where one was before, its pages get the generations that follow. Otherwise a handle from the
// life of an earlier page would be the current one again as soon as the new page has lived as long.
//
// The process keeps about 170 bytes for each block of descriptors that was unmapped, until a new one is at its address.
//
// Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "netmem/core/netmem.h"

namespace netmem {

// The generation of each page of a block, by its place there.
using Generations = std::array<std::uint16_t, DescriptorBlock::kPages>;

// Returns what is kept for the block at this address and forgets it; zeros if nothing is.
Generations take_generations(const DescriptorBlock& block) noexcept;

// Keeps the generations of all pages of the blocks. REQUIRES: nobody has a handle to a page of them that is current.
// False: there is no memory to keep them; then nothing else may be mapped at the address of the blocks.
bool keep_generations(const DescriptorBlock* first, std::size_t blocks) noexcept;

}  // namespace netmem
