#include "netmem/providers/common/host_copy_engine.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "netmem/base/check.h"
#include "netmem/base/crc32c.h"
#include "netmem/core/page.h"

namespace netmem {
namespace {

// Both engines' view: `own` is the one region that a device's engine reaches; null: host memory, any region.
bool is_reached(Netmem page, const Region* own) { return own == nullptr ? !page.is_device() : &page.region() == own; }

bool is_in_range(Netmem page, std::size_t offset, std::size_t size, const Region* own) {
  return page && page.current() && is_reached(page, own) && offset + size <= page.region().page_size();
}

// What is wrong with a range that is not.
[[gnu::cold]] std::unexpected<Error> refuse_range(const char* what, Netmem page, std::size_t offset, std::size_t size,
                                                  const Region* own) {
  if (!page) return refused(what, "there is no page to copy to or from");
  if (!page.current()) report_misuse(page, "copied after it went home");
  if (!is_reached(page, own))
    return refused(what,
                   "page " + std::to_string(page.index()) + " of " + page.region().name() + " is not in " +
                       (own == nullptr ? "host memory" : own->name()),
                   "use the copy engine of the page's own provider");
  return refused(what, std::to_string(size) + " bytes at " + std::to_string(offset) + " leave page " +
                           std::to_string(page.index()) + " of " + page.region().name());
}

Result<void> check_pieces(const char* what, std::span<const GatherPiece> pieces, const Region* own) {
  for (const GatherPiece& piece : pieces)
    if (!is_in_range(piece.from, piece.offset, piece.size, own)) [[unlikely]]
      return refuse_range(what, piece.from, piece.offset, piece.size, own);
  return {};
}

Result<void> check_destination(const Destination& to) {
  if (to.region == nullptr) return {};
  // Unsigned: an address before the region is far behind it.
  const std::uint64_t offset = to.address - to.region->address();
  if (offset <= to.region->size() && to.size <= to.region->size() - offset) return {};
  char address[19];
  std::snprintf(address, sizeof address, "%#" PRIx64, to.address);
  return refused("gather", std::to_string(to.size) + " bytes at " + address + " leave region " + to.region->name());
}

}  // namespace

Result<void> check_batch(std::span<const CopyIn> batch, const Region* own) {
  for (const CopyIn& copy : batch)
    if (!is_in_range(copy.to, copy.offset, copy.from.size(), own)) [[unlikely]]
      return refuse_range("copy into a page", copy.to, copy.offset, copy.from.size(), own);
  return {};
}

Result<void> check_batch(std::span<const CopyOut> batch, const Region* own) {
  for (const CopyOut& copy : batch)
    if (!is_in_range(copy.from, copy.offset, copy.to.size(), own)) [[unlikely]]
      return refuse_range("copy out of a page", copy.from, copy.offset, copy.to.size(), own);
  return {};
}

Result<void> check_crc32c(std::span<const GatherPiece> pieces, std::span<const std::uint32_t> crcs, const Region* own) {
  NETMEM_CHECK(crcs.size() == pieces.size(), "%zu CRCs of %zu pieces", crcs.size(), pieces.size());
  return check_pieces("compute a CRC", pieces, own);
}

Result<void> check_gather(std::span<const GatherPiece> pieces, const Destination& to, const Region* own) {
  if (auto fits = check_pieces("gather", pieces, own); !fits) return fits;
  std::uint64_t size = 0;
  for (const GatherPiece& piece : pieces) size += piece.size;
  if (size != to.size)
    return refused("gather",
                   "the pieces are " + std::to_string(size) + " bytes, the destination is " + std::to_string(to.size));
  return check_destination(to);
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

Result<CopyTicket> HostCopyEngine::begin_gather(std::span<const GatherPiece> pieces, const Destination& to) {
  if (to.region == nullptr || to.region->is_device())
    return refused("gather", "the destination is not in a region of host memory",
                   "copy the bytes out and into the other memory");
  if (auto fits = check_gather(pieces, to); !fits) return std::unexpected(fits.error());
  auto* at = reinterpret_cast<std::byte*>(to.address);
  for (const GatherPiece& piece : pieces) {
    if (piece.size != 0) std::memcpy(at, Page(piece.from).address() + piece.offset, piece.size);
    at += piece.size;
  }
  return CopyTicket::done;
}

Result<CopyTicket> HostCopyEngine::begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) {
  if (auto fits = check_crc32c(pieces, crcs); !fits) return std::unexpected(fits.error());
  for (std::size_t i = 0; i < pieces.size(); ++i)
    crcs[i] = crc32c(Page(pieces[i].from).bytes().subspan(pieces[i].offset, pieces[i].size));
  return CopyTicket::done;
}

}  // namespace netmem
