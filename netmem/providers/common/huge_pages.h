// Huge pages of the kernel's pool (hugetlb): mapping them, and saying what to write where when there are none.
//
// Any thread. Documentation/admin-guide/mm/hugetlbpage.rst.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "netmem/base/error.h"
#include "netmem/base/mapping.h"

namespace netmem {

inline constexpr std::size_t kHuge2M = std::size_t{2} << 20;
inline constexpr std::size_t kHuge1G = std::size_t{1} << 30;

// What pages of that size are cut from: a huge page of 2 MiB, or as many as a larger page has.
constexpr std::size_t huge_block(std::size_t page_size) { return std::max(kHuge2M, page_size); }

// "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
NETMEM_EXPORT std::string huge_pages_file(std::size_t huge_page);

// `count` huge pages of `huge_page` bytes in one mapping, all of them present: later touches cannot fail. The error
// names the file and the number to write there.
Result<Mapping> map_huge_pages(std::size_t count, std::size_t huge_page);

// "backed by 2 MiB pages", for describe().
std::string backed_by(std::size_t backing_page);

}  // namespace netmem
