#include "netmem/ports/xdp_frames.h"

#include <algorithm>
#include <array>

namespace netmem {
namespace {

const Region& only_region(const PagePool& pool, std::uint32_t chunk) {
  const std::vector<const Region*> regions = pool.provider().regions();
  NETMEM_CHECK(regions.size() == 1 && !regions.front()->is_device(),
               "xdp: pool %s has %zu regions of %s memory; frames need one, of host memory", pool.name().c_str(),
               regions.size(), pool.provider().is_device() ? "device" : "host");
  NETMEM_CHECK(std::has_single_bit(chunk) && chunk <= pool.page_size(), "xdp: chunks of %u bytes in pages of %zu",
               chunk, pool.page_size());
  return *regions.front();
}

}  // namespace

XdpFrames::XdpFrames(PagePool& pool, std::uint32_t chunk)
    : pool_(pool),
      region_(only_region(pool, chunk)),
      base_(reinterpret_cast<std::byte*>(region_.address())),
      size_(std::uint64_t{region_.page_count()} << region_.page_shift()),
      chunk_(chunk),
      page_mask_(static_cast<std::uint32_t>(region_.page_size() - 1)),
      chunk_shift_(static_cast<unsigned>(std::countr_zero(chunk))),
      page_shift_(region_.page_shift()),
      books_(size_ >> chunk_shift_) {}

std::size_t XdpFrames::try_alloc(std::span<Part> out) noexcept {
  if (chunk_shift_ == page_shift_) return alloc_pages(out);
  std::size_t count = 0;
  for (; count < out.size(); ++count) {
    const Fragment fragment = alloc_fragment();
    if (!fragment) break;
    if (!has_address(fragment.netmem)) [[unlikely]] {
      pool_.recycle_fragment(fragment.netmem);
      pool_.flush_fragments();
      break;
    }
    out[count] = {fragment.netmem, fragment.offset, chunk_};
  }
  return count;
}

std::size_t XdpFrames::alloc_pages(std::span<Part> out) noexcept {
  std::array<Netmem, kCacheRefill> pages;
  std::size_t count = 0;
  while (count < out.size()) {
    const std::size_t wanted = std::min(out.size() - count, pages.size());
    const std::size_t got = pool_.try_alloc(std::span(pages).first(wanted));
    const std::size_t before = count;
    for (std::size_t i = 0; i < got; ++i) {
      out[count] = {pages[i], 0, chunk_};
      if (has_address(pages[i])) [[likely]]
        ++count;
      else
        drop_foreign(pages[i]);
    }
    if (count - before < wanted) break;
  }
  return count;
}

// Providers that find memory elsewhere when their own is used up give pages of which the kernel knows nothing.
void XdpFrames::drop_foreign(Netmem page) noexcept {
  pool_.disconnect(page);
  drop(page);
}

// Somebody else may cut the same page into fragments of other sizes: then it is given up for a new one.
Fragment XdpFrames::alloc_fragment() noexcept {
  Fragment fragment = pool_.try_alloc_fragment(chunk_);
  if (!fragment || (fragment.offset & (chunk_ - 1)) == 0) return fragment;
  pool_.recycle_fragment(fragment.netmem);
  pool_.flush_fragments();
  return pool_.try_alloc_fragment(chunk_);
}

void XdpFrames::take_all_home() noexcept {
  for (Book& book : books_) {
    std::uint16_t left = book.times == kReceiving ? 1 : book.times;
    for (; left != 0; --left) drop(book.page);
    book.times = 0;
  }
}

}  // namespace netmem
