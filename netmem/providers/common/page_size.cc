#include "netmem/providers/common/page_size.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <bit>

#include "netmem/base/units.h"
#include "netmem/core/region.h"

namespace netmem {

Result<unsigned> page_shift_of(std::size_t page_size, std::size_t size, std::string_view provider) {
  const std::string attempted = "make a " + std::string(provider) + " provider";
  const auto shift = static_cast<unsigned>(std::countr_zero(page_size));
  if (!std::has_single_bit(page_size) || shift < kSmallestPageShift || shift > kLargestPageShift)
    return refused(attempted, "a page size of " + format_size(page_size) + " is no power of two from 4 KiB to 1 GiB",
                   "use 4K, 8K, ... or 1G");
  if (size == 0) return refused(attempted, "its size is zero", "give it at least one page");
  if (size < page_size)
    return refused(attempted, format_size(size) + " is less than one page of " + format_size(page_size),
                   "give it at least one page");
  return shift;
}

std::size_t page_alignment(std::size_t page_size) { return std::min(page_size, kLargestPageAlignment); }

Result<void> fits_machine(std::size_t size, std::string_view provider) {
  struct sysinfo info{};
  if (::sysinfo(&info) != 0) return {};
  const std::uint64_t present = (std::uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
  if (size <= present) return {};
  return refused(
      "make a " + std::string(provider) + " provider",
      format_size(size) + " is more than the " + format_size(present) + " of memory and swap of this machine",
      "ask for less");
}

}  // namespace netmem
