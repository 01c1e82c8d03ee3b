#include "netmem/ports/xdp/frames.h"

#include <algorithm>
#include <array>

namespace netmem {
namespace {

const Region& only_region(const PagePool& pool, std::uint32_t chunk) {
  const Region* const region = pool.provider().lasting_region();
  NETMEM_CHECK(region != nullptr && !region->is_device(),
               "xdp: the frames of pool %s need one region of host memory that stays; this is %s memory%s",
               pool.name().c_str(), pool.provider().is_device() ? "device" : "host",
               region == nullptr ? " in several regions, or in blocks that come and go" : "");
  NETMEM_CHECK(std::has_single_bit(chunk) && chunk <= pool.page_size(), "xdp: chunks of %u bytes in pages of %zu",
               chunk, pool.page_size());
  return *region;
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
      pages_(size_ >> chunk_shift_),
      sends_(pages_.size()) {}

std::size_t XdpFrames::post(XdpProducer<std::uint64_t>& fill, std::size_t count) noexcept {
  if (chunk_shift_ == page_shift_) return post_pages(fill, count);
  std::size_t done = 0;
  for (; done < count; ++done) {
    const Fragment fragment = alloc_fragment();
    if (!fragment) break;
    fill.put(note_posted(fragment.netmem, address(fragment.netmem) + fragment.offset));
  }
  return done;
}

std::size_t XdpFrames::post_pages(XdpProducer<std::uint64_t>& fill, std::size_t count) noexcept {
  std::size_t done = 0;
  while (done < count) {
    const std::size_t wanted = std::min(count - done, taken_.size());
    fill.prefetch(static_cast<std::uint32_t>(wanted));
    const std::size_t got = pool_.try_alloc(std::span(taken_).first(wanted));
    const std::size_t before = done;
    for (const Netmem page : std::span(taken_).first(got)) {
      const std::uint64_t at = address(page);
      if (at >= size_) [[unlikely]] {
        drop_foreign(page);
        continue;
      }
      fill.put(note_posted(page, at));
      ++done;
    }
    if (done - before < wanted) break;
  }
  return done;
}

std::size_t XdpFrames::try_alloc(std::span<Part> out) noexcept {
  std::size_t count = 0;
  for (; count < out.size(); ++count) {
    const Fragment chunk = chunk_shift_ == page_shift_ ? alloc_page() : alloc_fragment();
    if (!chunk) break;
    out[count] = {chunk.netmem, chunk.offset, chunk_};
  }
  return count;
}

// Providers that find memory elsewhere when their own is used up give pages of which the kernel knows nothing.
void XdpFrames::drop_foreign(Netmem page) noexcept {
  pool_.disconnect(page);
  drop(page);
}

Fragment XdpFrames::alloc_page() noexcept {
  const Netmem page = pool_.try_alloc();
  if (!page || has(page)) return {page, 0};
  drop_foreign(page);
  return {};
}

// Somebody else may cut the same page into fragments of other sizes: then it is given up for a new one.
Fragment XdpFrames::alloc_fragment() noexcept {
  Fragment fragment = pool_.try_alloc_fragment(chunk_);
  if (fragment && (fragment.offset & (chunk_ - 1)) != 0) {
    give_up(fragment);
    fragment = pool_.try_alloc_fragment(chunk_);
  }
  if (!fragment || has(fragment.netmem)) return fragment;
  give_up(fragment);
  return {};
}

void XdpFrames::give_up(const Fragment& fragment) noexcept {
  pool_.recycle_fragment(fragment.netmem);
  pool_.flush_fragments();
}

void XdpFrames::take_all_home() noexcept {
  for (std::size_t chunk = 0; chunk < pages_.size(); ++chunk) {
    const std::uint64_t book = std::exchange(pages_[chunk], 0);
    const bool receiving = (book & kReceivingBit) != 0;
    std::uint16_t left = receiving ? 1 : std::exchange(sends_[chunk], {}).times;
    for (; left != 0; --left) drop(Netmem::from_bits(book & ~kReceivingBit));
  }
}

}  // namespace netmem
