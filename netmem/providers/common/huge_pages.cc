#include "netmem/providers/common/huge_pages.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>

#include "netmem/base/units.h"

namespace netmem {
namespace {

std::string folder(std::size_t huge_page) {
  return "/sys/kernel/mm/hugepages/hugepages-" + std::to_string(huge_page / KiB) + "kB/";
}

std::optional<std::uint64_t> read_number(const std::string& file) {
  std::uint64_t number = 0;
  if (!(std::ifstream(file) >> number)) return std::nullopt;
  return number;
}

// What makes `count` more huge pages available.
std::string advice(std::size_t count, std::size_t huge_page) {
  const std::string place = folder(huge_page);
  const auto present = read_number(place + "nr_hugepages");
  const auto idle = read_number(place + "free_hugepages");
  if (!present || !idle) return "use a kernel with CONFIG_HUGETLBFS and a CPU that has such pages";
  const std::uint64_t promised = read_number(place + "resv_hugepages").value_or(0);
  const std::uint64_t usable = *idle - std::min(*idle, promised);
  if (usable >= count) return "see whether a cgroup limits hugetlb or memory";
  return "write " + std::to_string(*present + count - usable) + " to " + huge_pages_file(huge_page);
}

}  // namespace

std::string huge_pages_file(std::size_t huge_page) { return folder(huge_page) + "nr_hugepages"; }

Result<Mapping> map_huge_pages(std::size_t count, std::size_t huge_page) {
  const std::string what = format_size(huge_page) + " huge pages";
  const std::string attempted = "take " + std::to_string(count) + " " + what;
  if (count > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / huge_page)
    return refused(attempted, "no machine has that many");
  const int size_flag = huge_page == kHuge1G ? MAP_HUGE_1GB : MAP_HUGE_2MB;
  auto memory = Mapping::create(count * huge_page, huge_page, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size_flag, -1, 0, what.c_str());
  if (!memory && memory.error().code == ENOMEM)
    return std::unexpected(Error{attempted, "the kernel has too few of them free", advice(count, huge_page), ENOMEM});
  if (!memory) return system_error(attempted, advice(count, huge_page), memory.error().code);
  if (::madvise(memory->data(), memory->size(), MADV_POPULATE_WRITE) != 0)
    return system_error(attempted, "see whether a cgroup or cpuset limits hugetlb");
  return memory;
}

std::string backed_by(std::size_t backing_page) { return "backed by " + format_size(backing_page) + " pages"; }

}  // namespace netmem
