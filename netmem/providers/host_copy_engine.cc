#include "netmem/providers/host_copy_engine.h"

#include <cstring>

#include "netmem/core/page.h"

namespace netmem {
namespace {

// Both engines' view: `own` is the one region that a device's engine reaches; null: host memory, any region.
Result<void> check_range(const char* what, Netmem page, std::size_t offset, std::size_t size, const Region* own) {
  if (!page) return refused(what, "there is no page to copy to or from");
  if (!page.current()) report_misuse(page, "copied after it went home");
  if (own == nullptr ? page.is_device() : &page.region() != own)
    return refused(what,
                   "page " + std::to_string(page.index()) + " of " + page.region().name() + " is not in " +
                       (own == nullptr ? "host memory" : own->name()),
                   "use the copy engine of the page's own provider");
  if (offset + size <= page.region().page_size()) return {};
  return refused(what, std::to_string(size) + " bytes at " + std::to_string(offset) + " leave page " +
                           std::to_string(page.index()) + " of " + page.region().name());
}

}  // namespace

Result<void> check_batch(std::span<const CopyIn> batch, const Region* own) {
  for (const CopyIn& copy : batch)
    if (auto fits = check_range("copy into a page", copy.to, copy.offset, copy.from.size(), own); !fits) return fits;
  return {};
}

Result<void> check_batch(std::span<const CopyOut> batch, const Region* own) {
  for (const CopyOut& copy : batch)
    if (auto fits = check_range("copy out of a page", copy.from, copy.offset, copy.to.size(), own); !fits) return fits;
  return {};
}

Result<void> HostCopyEngine::copy_in(std::span<const CopyIn> batch) {
  if (auto fits = check_batch(batch); !fits) return fits;
  for (const CopyIn& copy : batch)
    if (!copy.from.empty()) std::memcpy(Page(copy.to).address() + copy.offset, copy.from.data(), copy.from.size());
  return {};
}

Result<void> HostCopyEngine::copy_out(std::span<const CopyOut> batch) {
  if (auto fits = check_batch(batch); !fits) return fits;
  for (const CopyOut& copy : batch)
    if (!copy.to.empty()) std::memcpy(copy.to.data(), Page(copy.from).address() + copy.offset, copy.to.size());
  return {};
}

}  // namespace netmem
