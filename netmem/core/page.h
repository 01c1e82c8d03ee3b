// What a page is to those who look inside: a host page has an address for the CPU, a net_iov has none.
//
// Both are views that hold no reference; whoever makes one holds the page meanwhile. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "netmem/core/netmem.h"
#include "netmem/core/reference.h"
#include "netmem/core/region.h"

namespace netmem {

// A page of host memory. The only way to a CPU address.
class Page {
 public:
  // Stops the program when `page` is device memory or went home already; try_from is empty for device memory.
  explicit Page(Netmem page) : page_(page) {
    NETMEM_CHECK(!page.is_device(), "page %u of %s is device memory: the CPU has no address for it", page.index(),
                 page.region().name().c_str());
    if (!page.current()) [[unlikely]]
      report_misuse(page, "read after it went home");
  }
  static std::optional<Page> try_from(Netmem page) {
    if (page.is_device()) return std::nullopt;
    return Page(page);
  }

  [[nodiscard]] std::byte* address() const { return reinterpret_cast<std::byte*>(page_.descriptor().address); }
  [[nodiscard]] std::size_t size() const { return page_.region().page_size(); }
  [[nodiscard]] std::span<std::byte> bytes() const { return {address(), size()}; }
  [[nodiscard]] Netmem netmem() const { return page_; }

 private:
  Netmem page_;
};

// A page of device memory.
class NetIov {
 public:
  // Stops the program when `page` is host memory or went home already; try_from is empty for host memory.
  explicit NetIov(Netmem page) : page_(page) {
    NETMEM_CHECK(page.is_device(), "page %u of %s is host memory, not a net_iov", page.index(),
                 page.region().name().c_str());
    if (!page.current()) [[unlikely]]
      report_misuse(page, "used after it went home");
  }
  static std::optional<NetIov> try_from(Netmem page) {
    if (!page.is_device()) return std::nullopt;
    return NetIov(page);
  }

  // Where the device finds the page. Not for the CPU.
  [[nodiscard]] std::uint64_t device_address() const { return page_.descriptor().address; }
  // Byte offset in its region (a dma-buf, say).
  [[nodiscard]] std::uint64_t region_offset() const { return page_.region().offset(page_); }
  [[nodiscard]] std::size_t size() const { return page_.region().page_size(); }
  [[nodiscard]] Netmem netmem() const { return page_; }

 private:
  Netmem page_;
};

// Some bytes of a page, with a reference of their own. Moves; split() and share() make more.
class View {
 public:
  View() = default;
  // Takes over the caller's reference. Stops the program when the range leaves the page.
  View(Ref page, std::uint32_t offset, std::uint32_t size) : page_(std::move(page)), offset_(offset), size_(size) {
    NETMEM_CHECK(page_ && std::size_t{offset} + size <= page_.get().region().page_size(),
                 "a view of %u bytes at %u does not fit its page", size, offset);
  }

  [[nodiscard]] Netmem netmem() const { return page_.get(); }
  [[nodiscard]] std::uint32_t offset() const { return offset_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] bool is_device() const { return page_.get().is_device(); }
  explicit operator bool() const { return static_cast<bool>(page_); }

  // The bytes; stops the program for device memory.
  [[nodiscard]] std::span<std::byte> bytes() const { return Page(page_.get()).bytes().subspan(offset_, size_); }
  // REQUIRES: device memory.
  [[nodiscard]] std::uint64_t device_address() const { return NetIov(page_.get()).device_address() + offset_; }

  // Another view of the same bytes.
  [[nodiscard]] View share() const { return View(page_.share(), offset_, size_); }
  // Keeps the first `at` bytes and returns the rest. REQUIRES: at <= size().
  [[nodiscard]] View split(std::uint32_t at) {
    NETMEM_CHECK(at <= size_, "splitting a view of %u bytes at %u", size_, at);
    View rest(page_.share(), offset_ + at, size_ - at);
    size_ = at;
    return rest;
  }
  // Gives the reference up to the caller, who must drop it.
  [[nodiscard]] Netmem release() { return page_.release(); }
  void reset() { page_.reset(); }

 private:
  Ref page_;
  std::uint32_t offset_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace netmem
