// Memory taken block by block while the provider runs: a block is cut into pages in order, its pages are not handed out
// again, and once all of them are back the block returns to the system.
//
//   add --> open block --cut--> granted pages --reclaim--> all back: unmapped from the DMA device, then from the
//   process
//
// Threads: the caller's lock, held in every call.
// Invariants:
//  1. At most one block, the open one, has pages that were never granted.
//  2. A block other than the open one has granted pages; its memory and its region live as long as it has.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "netmem/base/error.h"
#include "netmem/base/mapping.h"
#include "netmem/core/memory_provider.h"
#include "netmem/core/netmem.h"
#include "netmem/core/region.h"

namespace netmem {

class Blocks {
 public:
  Blocks(MemoryProvider& provider, std::string name, unsigned page_shift, bool transient,
         std::shared_ptr<DmaDevice> dma);

  // Fills the front of `out` from the open block; how many.
  std::size_t grant(std::span<Netmem> out) noexcept;
  // Opens a block; its memory holds whole pages. REQUIRES: grant() has just come back short.
  Result<void> add(Mapping memory);
  // REQUIRES: pages of these blocks.
  void reclaim(std::span<const Netmem> pages) noexcept;

  // Bytes in blocks now, how many blocks, and how many with a backing page size.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t count() const { return blocks_.size(); }
  [[nodiscard]] std::size_t count(std::size_t backing_page) const;
  [[nodiscard]] std::size_t free_pages() const { return free_pages_; }
  // Blocks that went back to the system so far.
  [[nodiscard]] std::uint64_t returned() const { return returned_; }
  void visit_regions(const MemoryProvider::RegionVisitor& visit) const;

 private:
  struct Block {
    Mapping memory;
    std::unique_ptr<Region> region;  // destroyed before its memory
    std::uint32_t cut = 0;           // pages granted so far, in order
    std::uint32_t granted = 0;       // pages granted now
  };
  void reclaim(Netmem page) noexcept;

  MemoryProvider& provider_;
  std::string name_;
  unsigned page_shift_;
  bool transient_;
  std::shared_ptr<DmaDevice> dma_;
  std::unordered_map<const Region*, Block> blocks_;
  Block* open_ = nullptr;
  std::size_t size_ = 0;
  std::size_t free_pages_ = 0;
  std::uint64_t returned_ = 0;
};

}  // namespace netmem
