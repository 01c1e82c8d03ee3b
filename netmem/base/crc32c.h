// CRC-32C (Castagnoli) as iSCSI has it: RFC 3720, section 12.1 and appendix B.4. With the CPU's own instruction where
// it has one. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "netmem/base/export.h"

namespace netmem {

// Of the bytes, or of those that have the CRC `before` and then these.
NETMEM_EXPORT std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

// Of two ranges one behind the other, from the CRC of each.
NETMEM_EXPORT std::uint32_t crc32c_combine(std::uint32_t first, std::uint32_t second, std::uint64_t second_size);

// The two ways to compute it, for tests: both take and give the CRC before its last inversion.
namespace crc32c_way {
using Way = std::uint32_t (*)(std::uint32_t state, std::span<const std::byte> bytes);
std::uint32_t portable(std::uint32_t state, std::span<const std::byte> bytes);
// Null where the CPU has no such instruction.
Way hardware();
}  // namespace crc32c_way

}  // namespace netmem
