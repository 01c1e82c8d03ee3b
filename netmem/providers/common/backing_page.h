// What the kernel really backs memory with, read back from the kernel. Any thread.
#pragma once

#include <cstddef>

#include "netmem/base/error.h"
#include "netmem/base/export.h"

namespace netmem {

// The page size in bytes of the mapping that `address` lies in: 4096, 2 MiB or 1 GiB on x86-64. Transparent huge pages
// do not count: the kernel may split them at any time.
NETMEM_EXPORT Result<std::size_t> backing_page_size(const void* address);

}  // namespace netmem
