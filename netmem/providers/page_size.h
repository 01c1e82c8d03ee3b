// The one check of page sizes that every provider makes.
#pragma once

#include <cstddef>
#include <string_view>

#include "netmem/base/error.h"

namespace netmem {

// log2 of `page_size`, when it is a power of two from 4 KiB to 2 MiB and `size` holds at least one page.
Result<unsigned> page_shift_of(std::size_t page_size, std::size_t size, std::string_view provider);

}  // namespace netmem
