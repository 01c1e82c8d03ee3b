// Provider `huge_1g`: 1 GiB pages that several pools share. A Huge1G takes the pages; each pool gets a provider over a
// slice of them, which goes back to the Huge1G when the provider is destroyed.
//
// Threads: any. The Huge1G lives as long as one of its slices.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "netmem/base/mapping.h"
#include "netmem/core/dma_device.h"
#include "netmem/core/memory_provider.h"

namespace netmem {

class NETMEM_EXPORT Huge1G : public std::enable_shared_from_this<Huge1G> {
 public:
  static constexpr std::size_t kSliceSize = std::size_t{128} << 20;

  // Takes `pages` pages of 1 GiB now. The error for missing ones names the file and the number to write there.
  static Result<std::shared_ptr<Huge1G>> create(std::size_t pages);

  // A provider over `size` bytes. Slices begin at multiples of 2 MiB; one that fits a 1 GiB page lies inside one. Its
  // bytes are what the slice before left there. Registered with `dma` (may be null) on its own.
  Result<std::shared_ptr<MemoryProvider>> slice(std::size_t size = kSliceSize, std::size_t page_size = 4096,
                                                std::shared_ptr<DmaDevice> dma = {});

  [[nodiscard]] std::size_t size() const { return memory_.size(); }
  [[nodiscard]] std::size_t free_bytes() const;
  // As read back from the kernel.
  [[nodiscard]] std::size_t backing_page() const { return backing_page_; }

 private:
  friend class Huge1GSlice;

  Huge1G(Mapping memory, std::size_t backing_page);
  Result<std::size_t> take(std::size_t size);
  void give_back(std::size_t offset, std::size_t size) noexcept;

  const Mapping memory_;
  const std::size_t backing_page_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::size_t> free_;  // offset -> bytes; neighbours are merged
};

// One slice over as many pages of its own as `size` needs.
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_huge_1g_provider(std::size_t size,
                                                                            std::size_t page_size = 4096,
                                                                            std::shared_ptr<DmaDevice> dma = {});

}  // namespace netmem
