// Where pages come from and go back to. Called once per batch, never per packet; implement it to bring your own memory
// (docs/providers.md has one in 30 lines).
//
//   pool --grant--> page(s) of a region, owner = pool       pool --reclaim--> the provider's again
//
// Threads: grant, reclaim and the reports may be called on any thread at the same time; creation and destruction are
// the user's. A provider lives in a shared_ptr: pools hold it, and so does every page that left its pool (disconnect).
// Invariants:
//  1. The pages of all regions = free pages + granted ones.
//  2. A page is granted to one pool at a time; it comes back through reclaim exactly once, with refs == 1, its
//     generation already raised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "netmem/base/export.h"
#include "netmem/base/fork.h"
#include "netmem/core/copy_engine.h"
#include "netmem/core/netmem.h"
#include "netmem/core/region.h"

namespace netmem {

class PageOwner;

struct Counter {
  std::string name;
  std::uint64_t value;
};

class NETMEM_EXPORT MemoryProvider : public std::enable_shared_from_this<MemoryProvider> {
 public:
  MemoryProvider() = default;
  MemoryProvider(const MemoryProvider&) = delete;
  MemoryProvider& operator=(const MemoryProvider&) = delete;
  virtual ~MemoryProvider();

  // Fills the front of `out`; how many. 0: nothing to give now. Never throws.
  virtual std::size_t grant(std::span<Netmem> out) noexcept = 0;
  // Takes back pages that it granted, in any order, from any pool.
  virtual void reclaim(std::span<const Netmem> pages) noexcept = 0;

  // "memfd"; and a line for people: "memfd: 256 MiB in 4 KiB pages, backed by 4 KiB".
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::string describe() const = 0;

  [[nodiscard]] virtual unsigned page_shift() const = 0;
  [[nodiscard]] std::size_t page_size() const { return std::size_t{1} << page_shift(); }
  // True when the pages are net_iovs, which the CPU cannot read.
  [[nodiscard]] virtual bool is_device() const = 0;

  // Calls `visit` for each region that there is now. A region that the provider gives up while it runs stays until
  // `visit` returns: the provider holds its lock meanwhile, so `visit` must not call the provider, nor drop or allocate
  // pages.
  using RegionVisitor = std::function<void(const Region&)>;
  virtual void visit_regions(const RegionVisitor& visit) const = 0;
  // The one region that lives as long as the provider; null where all memory comes and goes in blocks, or where there
  // are several.
  [[nodiscard]] virtual const Region* lasting_region() const { return nullptr; }
  [[nodiscard]] virtual std::size_t free_pages() const = 0;
  // The provider's own counters, for listings.
  [[nodiscard]] virtual std::vector<Counter> counters() const { return {}; }

  [[nodiscard]] virtual CopyEngine& copy_engine() = 0;
  // What host memory that is copied to and from this memory is best registered with, as its provider's DMA device; null
  // where that would change nothing.
  [[nodiscard]] virtual std::shared_ptr<DmaDevice> staging_dma() { return nullptr; }

  // Pages that belong to no pool any more keep their provider alive. The pool says so to the provider that it knows;
  // the last drop reclaims the page at the region's provider. A decorator strikes the page from its own books and tells
  // the provider that it wraps: the page comes back behind its back.
  virtual void disconnected_page_leaves();
  void disconnected_page_returned();

  // True in a child of fork(): the memory, and what the provider knows of it, are the parent's.
  [[nodiscard]] bool was_forked() const { return fork_count() != process_; }

 private:
  const std::uint32_t process_ = fork_count();
  std::mutex mutex_;
  std::size_t disconnected_ = 0;
  std::shared_ptr<MemoryProvider> self_;  // set while disconnected_ > 0
};

// Ends a page's life with nobody but the caller holding it (any thread): raises the generation once, or stops the
// program when the handle is from an earlier life. The next handle.
NETMEM_EXPORT Netmem end_life(Netmem page);

// Who owns a page that no pool holds. Dropping such a page is misuse, and says so.
NETMEM_EXPORT PageOwner& no_owner();

// Reads the owner's name for messages; "no pool" at the provider.
NETMEM_EXPORT const char* owner_name(Netmem page);

}  // namespace netmem
