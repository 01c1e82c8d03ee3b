// The frames of a UMEM: the chunks of a pool's one region, and the books on what the kernel has them for. A chunk is a
// page, or a fragment of one where pages are larger. What the kernel calls an address is the byte offset in the region.
//
//   posted: the kernel's for receiving, once      sent: the kernel's for sending, as often as it was sent
//
// Threads: the pool's consumer.
// Invariants:
//  1. A chunk's books have its page while the kernel has it, and say whether for receiving, or how often for sending.
//  2. What the kernel gives back is looked up there: an address outside the region, a range that leaves its chunk, or a
//     chunk that is not the kernel's, stops the program with its value.
//  3. What the kernel gets lies in the region, whatever else the pool's provider has.
//  4. A chunk goes back to receiving, without a detour through the pool, only if nobody else has it: after receiving,
//  if
//     it was given to nobody; after sending, if it is a whole page of the pool that nobody else held when it was sent,
//     and its life ended then.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "netmem/base/check.h"
#include "netmem/packet/packet.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/xdp/ring.h"

namespace netmem {

class XdpFrames {
 public:
  // REQUIRES: host memory of one region; `chunk` is a power of two and at most a page.
  XdpFrames(PagePool& pool, std::uint32_t chunk);

  [[nodiscard]] const Region& region() const { return region_; }
  [[nodiscard]] std::uint32_t chunk() const { return chunk_; }
  [[nodiscard]] bool has(Netmem page) const { return address(page) < size_; }
  // A whole page of the region that only the caller holds, all of its bytes.
  [[nodiscard]] bool is_sole_frame(Netmem page) const {
    return chunk_shift_ == page_shift_ && has(page) && page.descriptor().refs.load(std::memory_order_acquire) == 1;
  }
  [[nodiscard]] std::byte* bytes(const Part& part) const {
    return reinterpret_cast<std::byte*>(part.page.descriptor().address) + part.offset;
  }

  // Where a chunk's bytes are that the kernel gave back, or gives back next. REQUIRES: checked by take_received().
  [[nodiscard]] const std::byte* at(std::uint64_t address) const { return base_ + address; }

  // Takes up to `count` chunks from the pool and puts them into `fill`: they are the kernel's for receiving from now
  // on. How many. REQUIRES: room for them in the ring.
  std::size_t post(XdpProducer<std::uint64_t>& fill, std::size_t count) noexcept;
  // Chunks from the pool, each with a reference of its page for the caller; how many.
  std::size_t try_alloc(std::span<Part> out) noexcept;

  // REQUIRES for all below: the part lies in one chunk of the region.
  // Whether the chunk may be sent as often as one packet has parts, and once again.
  [[nodiscard]] bool may_send(const Part& part) const {
    return sends_[number_of(address(part))].times < kMostSent - Packet::kMostPayloads;
  }
  // The kernel's for sending, with the caller's reference; the address. REQUIRES: may_send().
  std::uint64_t sent(const Part& part) {
    const std::uint64_t at = address(part);
    const std::size_t chunk = number_of(at);
    NETMEM_CHECK((pages_[chunk] & kReceivingBit) == 0,
                 "xdp: %#llx is sent from a chunk that is the kernel's for receiving", as_long(at));
    pages_[chunk] = part.page.bits();
    ++sends_[chunk].times;
    return at;
  }

  // The same where the reference is the packet's only one. A whole page that nobody else holds begins its next life.
  std::uint64_t sent_on_one(const Part& part) {
    const std::uint64_t at = sent(part);
    if (chunk_shift_ != page_shift_) return at;
    if (const Netmem renewed = pool_.renew(part.page)) {
      pages_[number_of(at)] = renewed.bits();
      sends_[number_of(at)].alone = true;
    }
    return at;
  }

  // What the kernel gives back, with its reference.
  [[nodiscard]] Part take_received(std::uint64_t address, std::uint32_t size) {
    const std::uint64_t offset = address & (chunk_ - 1);
    NETMEM_CHECK(address < size_ && offset + size <= chunk_,
                 "xdp: the kernel received %u bytes at %#llx, in a region of %#llx bytes cut into chunks of %u", size,
                 as_long(address), as_long(size_), chunk_);
    std::uint64_t& book = pages_[number_of(address)];
    NETMEM_CHECK((book & kReceivingBit) != 0, "xdp: the kernel received at %#llx, in a chunk that it has not for that",
                 as_long(address));
    const Netmem page = Netmem::from_bits(book & ~kReceivingBit);
    book = 0;
    return {page, static_cast<std::uint32_t>(address) & page_mask_, size};
  }
  // The drop of what was received is not far.
  static void prefetch_drop(Netmem page) {
    __builtin_prefetch(&page.descriptor());
    __builtin_prefetch(&page.life(), 1);
  }
  // `alone`: nobody else has a reference, and the page may be posted again.
  struct Sent {
    Netmem page;
    bool alone;
  };
  [[nodiscard]] Sent take_sent(std::uint64_t address) {
    NETMEM_CHECK(address < size_, "xdp: the kernel sent %#llx, outside a region of %#llx bytes", as_long(address),
                 as_long(size_));
    Sends& sends = sends_[number_of(address)];
    NETMEM_CHECK(sends.times != 0, "xdp: the kernel sent %#llx, from a chunk that it has not for that",
                 as_long(address));
    std::uint64_t& book = pages_[number_of(address)];
    const Netmem page = Netmem::from_bits(book);
    if (--sends.times == 0) book = 0;
    return {page, std::exchange(sends.alone, false)};
  }
  // The kernel's for receiving again, with the caller's reference. REQUIRES: nobody else has the chunk, which
  // take_received() or take_sent() gave, and room in the ring.
  void post_again(XdpProducer<std::uint64_t>& fill, Netmem page, std::uint64_t address) {
    fill.put(note_posted(page, address & ~std::uint64_t{chunk_ - 1}));
  }
  // What receiving at the address will touch.
  void prefetch(std::uint64_t address) const {
    prefetch_bytes(address);
    prefetch_book(address);
  }
  void prefetch_bytes(std::uint64_t address) const { __builtin_prefetch(base_ + address); }
  void prefetch_book(std::uint64_t address) const { __builtin_prefetch(pages_.data() + number_of(address), 1); }

  // The kernel has let go of the memory: everything that was its goes home.
  void take_all_home() noexcept;

 private:
  static constexpr std::uint64_t kReceivingBit = 8;  // of a handle (core/netmem.h)
  static constexpr std::uint16_t kMostSent = 0xffff;

  struct Sends {
    std::uint16_t times = 0;
    bool alone = false;  // and nobody else has a reference
  };

  static unsigned long long as_long(std::uint64_t value) { return value; }
  [[nodiscard]] std::uint64_t address(const Part& part) const { return address(part.page) + part.offset; }
  [[nodiscard]] std::size_t number_of(std::uint64_t address) const { return address >> chunk_shift_; }
  // Where the page is in the region; size_ or more: it is not.
  [[nodiscard]] std::uint64_t address(Netmem page) const {
    return page.descriptor().address - reinterpret_cast<std::uintptr_t>(base_);
  }
  [[nodiscard]] std::uint64_t note_posted(Netmem page, std::uint64_t at) {
    std::uint64_t& book = pages_[number_of(at)];
    NETMEM_CHECK(book == 0, "xdp: chunk at %#llx was posted while the kernel has it", as_long(at));
    book = page.bits() | kReceivingBit;
    return at;
  }
  std::size_t post_pages(XdpProducer<std::uint64_t>& fill, std::size_t count) noexcept;
  void drop_foreign(Netmem page) noexcept;
  [[nodiscard]] Fragment alloc_page() noexcept;
  [[nodiscard]] Fragment alloc_fragment() noexcept;
  void give_up(const Fragment& fragment) noexcept;

  PagePool& pool_;
  const Region& region_;
  std::byte* base_;
  std::uint64_t size_;  // bytes in whole pages
  std::uint32_t chunk_;
  std::uint32_t page_mask_;
  unsigned chunk_shift_;
  unsigned page_shift_;
  // The books, by chunk: the page as it was posted or sent, whose life a reference of ours keeps going, with
  // kReceivingBit while it is posted, else 0; and what receiving need not look at.
  std::vector<std::uint64_t> pages_;
  std::vector<Sends> sends_;
  std::array<Netmem, kCacheRefill> taken_;  // from the pool, to be posted: here, so that nobody clears it each time
};

}  // namespace netmem
