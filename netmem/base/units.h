// Sizes and durations as people write them. Binary units of size only: K = 1024. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "netmem/base/error.h"
#include "netmem/base/export.h"

namespace netmem {

inline constexpr std::size_t KiB = 1024;
inline constexpr std::size_t MiB = 1024 * KiB;
inline constexpr std::size_t GiB = 1024 * MiB;

// "4096", "4K", "256M", "1G", "1.5M" is refused; also accepts KiB/MiB/GiB/TiB, KB and k. Bytes; never negative, never
// more than 2^63 - 1.
NETMEM_EXPORT Result<std::size_t> parse_size(std::string_view text);

// "256 MiB", "1.5 GiB", "17 B".
NETMEM_EXPORT std::string format_size(std::uint64_t bytes);

// "30" and "30s" are seconds, "500ms", "5m", "2h"; "1.5s" is refused. More than nothing, and at most 500 hours, so that
// an int has the milliseconds.
NETMEM_EXPORT Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// "30 s", "500 ms", "5 min", "2 h"; "1.5 s" where no whole unit fits.
NETMEM_EXPORT std::string format_duration(std::chrono::milliseconds time);

}  // namespace netmem
