// The checks of sizes that providers share.
#pragma once

#include <cstddef>
#include <string_view>

#include "netmem/base/error.h"

namespace netmem {

// log2 of `page_size`, when it is a power of two from 4 KiB to 1 GiB and `size` holds at least one page.
NETMEM_EXPORT Result<unsigned> page_shift_of(std::size_t page_size, std::size_t size, std::string_view provider);

// What the addresses of such pages are multiples of.
NETMEM_EXPORT std::size_t page_alignment(std::size_t page_size);

// Refuses more bytes than the machine has memory and swap: the kernel would promise them and kill somebody later.
NETMEM_EXPORT Result<void> fits_machine(std::size_t size, std::string_view provider);

}  // namespace netmem
