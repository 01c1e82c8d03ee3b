// One contiguous range of memory, registered once and cut into pages of one size, with the descriptors beside it.
//
// The memory belongs to the provider, which destroys the region first. Immutable after creation, except for what
// descriptors say about single pages. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "netmem/base/error.h"
#include "netmem/base/mapping.h"
#include "netmem/core/dma_device.h"
#include "netmem/core/netmem.h"

namespace netmem {

class MemoryProvider;

inline constexpr unsigned kSmallestPageShift = 12;  // 4 KiB
inline constexpr unsigned kLargestPageShift = 30;   // 1 GiB
// Pages begin at multiples of their size, or of this where they are larger.
inline constexpr std::size_t kLargestPageAlignment = std::size_t{2} << 20;

struct RegionSpec {
  std::string name = {};            // for people: "memfd:256M"
  bool device = false;              // net_iovs instead of host pages
  std::uint64_t address = 0;        // first byte: the CPU's for host memory, the device's own otherwise
  std::size_t size = 0;             // bytes; what does not fill a page at the end is not used
  unsigned page_shift = 12;         // log2 of the page size, 12 to 30
  std::size_t backing_page = 4096;  // what the kernel really backs it with, read back: 4096, 2 MiB, 1 GiB
  int numa_node = -1;               // where the memory is; -1 unknown
  bool transient = false;           // pages go back to the provider instead of being recycled
  // Where system calls may write the bytes: the host address, or a device's write window; null where the kernel cannot.
  std::byte* io_window = nullptr;
};

class NETMEM_EXPORT Region {
 public:
  // Registers with `dma` (may be null) and writes the descriptors. The address must be a multiple of 4 KiB.
  static Result<std::unique_ptr<Region>> create(MemoryProvider& provider, RegionSpec spec,
                                                std::shared_ptr<DmaDevice> dma = nullptr);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  [[nodiscard]] const std::string& name() const { return spec_.name; }
  [[nodiscard]] MemoryProvider& provider() const { return provider_; }
  [[nodiscard]] bool is_device() const { return spec_.device; }
  [[nodiscard]] std::uint64_t address() const { return spec_.address; }
  [[nodiscard]] std::size_t size() const { return spec_.size; }
  [[nodiscard]] unsigned page_shift() const { return spec_.page_shift; }
  [[nodiscard]] std::size_t page_size() const { return std::size_t{1} << spec_.page_shift; }
  [[nodiscard]] std::uint32_t page_count() const { return static_cast<std::uint32_t>(spec_.size >> spec_.page_shift); }
  [[nodiscard]] std::size_t backing_page() const { return spec_.backing_page; }
  [[nodiscard]] int numa_node() const { return spec_.numa_node; }
  [[nodiscard]] bool is_transient() const { return spec_.transient; }
  [[nodiscard]] DmaDevice* dma_device() const { return dma_.get(); }
  [[nodiscard]] std::uint64_t dma_address() const { return dma_address_; }

  // Bytes of descriptors that the region keeps.
  [[nodiscard]] std::size_t bookkeeping() const { return blocks_.size(); }

  [[nodiscard]] Descriptor& descriptor(std::uint32_t index) const {
    return block(index).pages[index % DescriptorBlock::kPages];
  }
  // The page's handle in its present life. REQUIRES: the page is the caller's to hand out.
  [[nodiscard]] Netmem page(std::uint32_t index) const;
  [[nodiscard]] std::uint64_t offset(Netmem page) const { return std::uint64_t{page.index()} << spec_.page_shift; }

  // For read(2) and its like to write into; null where the kernel cannot. Not for looking at the bytes.
  [[nodiscard]] std::byte* io_window(Netmem page) const {
    return spec_.io_window == nullptr ? nullptr : spec_.io_window + offset(page);
  }

 private:
  Region(MemoryProvider& provider, RegionSpec spec, Mapping blocks, std::shared_ptr<DmaDevice> dma);
  [[nodiscard]] DescriptorBlock& block(std::uint32_t index) const {
    return reinterpret_cast<DescriptorBlock*>(blocks_.data())[index / DescriptorBlock::kPages];
  }
  void write_descriptors();

  MemoryProvider& provider_;
  RegionSpec spec_;
  Mapping blocks_;
  std::shared_ptr<DmaDevice> dma_;
  std::uint64_t dma_address_ = 0;
  bool described_ = false;  // the descriptors are written
};

}  // namespace netmem
