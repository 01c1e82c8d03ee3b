#include "netmem/providers/common/backing_page.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "netmem/base/fd.h"

namespace netmem {
namespace {

// struct procmap_query and PROCMAP_QUERY of Linux 6.11, include/uapi/linux/fs.h. One call instead of walking the page
// tables of every mapping, as reading smaps does.
struct ProcmapQuery {
  std::uint64_t size;
  std::uint64_t query_flags;
  std::uint64_t query_addr;
  std::uint64_t vma_start;
  std::uint64_t vma_end;
  std::uint64_t vma_flags;
  std::uint64_t vma_page_size;
  std::uint64_t vma_offset;
  std::uint64_t inode;
  std::uint32_t dev_major;
  std::uint32_t dev_minor;
  std::uint32_t vma_name_size;
  std::uint32_t build_id_size;
  std::uint64_t vma_name_addr;
  std::uint64_t build_id_addr;
};
static_assert(sizeof(ProcmapQuery) == 104);

// 0: this kernel cannot say.
std::size_t ask_procmap(std::uintptr_t address) {
  const Fd maps(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  if (!maps) return 0;
  ProcmapQuery query{};
  query.size = sizeof query;
  query.query_addr = address;
  if (::ioctl(maps.get(), _IOWR('f', 17, ProcmapQuery), &query) != 0) return 0;
  return query.vma_page_size;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// "KernelPageSize:     2048 kB" of the mapping; 0: not found.
std::size_t read_smaps(std::uintptr_t address) {
  const std::unique_ptr<std::FILE, CloseFile> smaps(std::fopen("/proc/self/smaps", "re"));
  if (!smaps) return 0;
  char line[512];
  bool inside = false;
  while (std::fgets(line, sizeof line, smaps.get()) != nullptr) {
    unsigned long first = 0, last = 0, size_kib = 0;
    if (std::sscanf(line, "%lx-%lx ", &first, &last) == 2) {
      inside = first <= address && address < last;
    } else if (inside && std::sscanf(line, "KernelPageSize: %lu kB", &size_kib) == 1) {
      return size_kib * 1024;
    }
  }
  return 0;
}

}  // namespace

Result<std::size_t> backing_page_size(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  if (const std::size_t size = ask_procmap(number); size != 0) return size;
  if (const std::size_t size = read_smaps(number); size != 0) return size;
  return refused("read what the kernel backs memory with", "/proc/self/smaps does not list the address",
                 "mount /proc, and ask for mapped memory only");
}

}  // namespace netmem
