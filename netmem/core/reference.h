// References: taking, sharing, splitting and dropping a page. The last drop sends the page home, wherever it happens.
//
// Threads: every function may be called on any thread by whoever holds a reference.
// Invariants:
//  1. refs counts the holders. Whoever reads 1 while holding a reference is the sole owner, and stays it.
//  2. A sole owner never pays an atomic read-modify-write: a plain load tells it, and nobody else may write.
//  3. The last drop leaves refs at 1, as a page at rest has it.
// A handle from an earlier life of the page stops the program: at once when its page went home on this thread or is
// used through retain() or an address; when the page went home on another thread, at the latest when the consumer takes
// the page out of the return ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/core/netmem.h"
#include "netmem/core/page_owner.h"

namespace netmem {

// Drops one reference, or as many as the caller holds, of a page that is or was shared, or that may not be recycled.
NETMEM_EXPORT void drop_shared(Netmem page) noexcept;
NETMEM_EXPORT void drop_shared(Netmem page, std::uint32_t count) noexcept;

// Drops the caller's reference. The handle is dead afterwards.
inline void drop(Netmem page) noexcept {
  Descriptor& descriptor = page.descriptor();
  // Partner: the release half of the fetch_sub in drop_shared() of the other holders.
  if (descriptor.refs.load(std::memory_order_acquire) != 1) [[unlikely]] {
    drop_shared(page);
    return;
  }
  PageOwner* owner = descriptor.owner;
  if (owner->is_consumer() && owner->try_put(page)) return;
  owner->take_home(std::span<const Netmem>(&page, 1));
}

// Drops one reference of each; pages of several pools may be mixed. One ring operation for each run of unshared pages
// of one pool.
NETMEM_EXPORT void drop(std::span<const Netmem> pages) noexcept;

// Says in the page's life that its references must be looked at. REQUIRES: the caller is the sole owner.
inline void mark(Netmem page) { page.life().set(page.bits() | Netmem::kLookBit); }

// Adds `count` references to a page that the caller holds one of.
inline void retain(Netmem page, std::uint32_t count = 1) noexcept {
  if (!page.current()) [[unlikely]]
    report_misuse(page, "retained after it went home");
  Atomic<std::uint32_t>& refs = page.descriptor().refs;
  const std::uint32_t now = refs.load(std::memory_order_acquire);
  NETMEM_CHECK((now & Descriptor::kCountMask) + count < Descriptor::kCountMask,
               "page %u: too many references (%u + %u)", page.index(), now & Descriptor::kCountMask, count);
  if ((now & Descriptor::kCountMask) == 1) {
    refs.store(now + count, std::memory_order_relaxed);  // sole owner: nobody else can be writing
    mark(page);
  } else {
    refs.fetch_add(count, std::memory_order_relaxed);
  }
}

// An owned reference to a whole page. Moves; share() makes another.
class Ref {
 public:
  Ref() = default;
  // Takes over a reference that the caller holds.
  explicit Ref(Netmem page) : page_(page) {}
  Ref(Ref&& other) noexcept : page_(std::exchange(other.page_, {})) {}
  Ref& operator=(Ref&& other) noexcept {
    if (this != &other) {
      reset();
      page_ = std::exchange(other.page_, {});
    }
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { reset(); }

  [[nodiscard]] Netmem get() const { return page_; }
  explicit operator bool() const { return static_cast<bool>(page_); }
  // Gives the reference up to the caller, who must drop it.
  [[nodiscard]] Netmem release() { return std::exchange(page_, {}); }
  void reset() {
    if (page_) drop(std::exchange(page_, {}));
  }
  [[nodiscard]] Ref share() const {
    retain(page_);
    return Ref(page_);
  }

 private:
  Netmem page_;
};

}  // namespace netmem
