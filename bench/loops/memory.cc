#include "bench/loops/memory.h"

#include <algorithm>

#include "netmem/base/units.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/host/huge.h"
#include "netmem/providers/host/huge_1g.h"
#include "netmem/providers/mapped/device.h"

namespace netmem::bench {

std::string_view slug(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::host:
      return "host";
    case MemoryKind::device:
      return "device";
    case MemoryKind::huge:
      return "huge";
    case MemoryKind::huge_1g:
      break;
  }
  return "huge_1g";
}

std::string_view subject(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::host:
      return "netmem, host";
    case MemoryKind::device:
      return "netmem, device";
    case MemoryKind::huge:
      return "netmem, huge";
    case MemoryKind::huge_1g:
      break;
  }
  return "netmem, huge_1g";
}

std::string short_number(std::uint64_t number) {
  if (number % MiB == 0) return std::to_string(number / MiB) + "M";
  return number % KiB == 0 ? std::to_string(number / KiB) + "K" : std::to_string(number);
}

Result<std::shared_ptr<MemoryProvider>> Memories::make(MemoryKind kind, std::uint64_t pages, std::uint64_t page_size) {
  const std::uint64_t size = pages * page_size;
  switch (kind) {
    case MemoryKind::host:
      return make_host_provider({.size = size, .page_size = page_size});
    case MemoryKind::device:
      return make_memfd_provider({.size = size, .page_size = page_size});
    case MemoryKind::huge:
      // Never from outside: a loop that is called huge must not measure something else.
      return make_huge_provider(
          {.size = std::max<std::uint64_t>(size, 2 * MiB), .page_size = page_size, .outside_size = 0});
    case MemoryKind::huge_1g:
      break;
  }
  return slice(size, page_size);
}

Result<std::shared_ptr<MemoryProvider>> Memories::slice(std::uint64_t size, std::uint64_t page_size) {
  auto shared = shared_.lock();
  if (!shared) {
    auto made = Huge1G::create(1);
    if (!made) return std::unexpected(made.error());
    shared = std::move(*made);
    shared_ = shared;
  }
  return shared->slice(std::max<std::uint64_t>(size, 2 * MiB), page_size);
}

Result<PagePoolPtr> Memories::make_pool(MemoryKind kind, std::uint64_t pages, std::uint64_t page_size) {
  auto provider = make(kind, pages, page_size);
  if (!provider) return std::unexpected(provider.error());
  constexpr std::uint64_t kLargestRing = std::uint64_t{1} << 24;
  return PagePool::create(std::move(*provider), {.name = "bench " + std::string(slug(kind)),
                                                 .ring_size = std::min(pages, kLargestRing),
                                                 .allow_unreadable = true});
}

}  // namespace netmem::bench
