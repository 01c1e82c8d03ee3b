#include "netmem/core/region.h"

#include <new>

#include "netmem/base/units.h"
#include "netmem/core/generations.h"
#include "netmem/core/memory_provider.h"
#include "netmem/core/page_owner.h"
#include "netmem/core/poison.h"

namespace netmem {
namespace {

Result<void> validate(const RegionSpec& spec) {
  const std::string attempted = "cut region " + spec.name + " into pages";
  if (spec.page_shift < kSmallestPageShift || spec.page_shift > kLargestPageShift)
    return refused(attempted, "the page size is no power of two from 4 KiB to 1 GiB");
  if (spec.size >> spec.page_shift == 0)
    return refused(attempted,
                   format_size(spec.size) + " hold no page of " + format_size(std::size_t{1} << spec.page_shift),
                   "give it at least one page");
  if (spec.size >> spec.page_shift > UINT32_MAX)
    return refused(attempted, "more than 2^32 - 1 pages", "use larger pages");
  if (!spec.device && (spec.address + spec.size) >> kAddressBits != 0)
    return refused(attempted, "its addresses need more than 48 bits");
  if ((spec.address & 4095) != 0) return refused(attempted, "it does not begin at a multiple of 4 KiB");
  return {};
}

}  // namespace

Region::Region(MemoryProvider& provider, RegionSpec spec, Mapping blocks, std::shared_ptr<DmaDevice> dma)
    : provider_(provider), spec_(std::move(spec)), blocks_(std::move(blocks)), dma_(std::move(dma)) {}

Result<std::unique_ptr<Region>> Region::create(MemoryProvider& provider, RegionSpec spec,
                                               std::shared_ptr<DmaDevice> dma) {
  if (auto valid = validate(spec); !valid) return std::unexpected(valid.error());
  const std::size_t pages = spec.size >> spec.page_shift;
  const std::size_t blocks = (pages + DescriptorBlock::kPages - 1) / DescriptorBlock::kPages;
  auto memory = Mapping::anonymous(blocks * sizeof(DescriptorBlock));
  if (!memory) return std::unexpected(memory.error());
  if (reinterpret_cast<std::uintptr_t>(memory->data()) >> kAddressBits != 0)
    return refused("place the descriptors of region " + spec.name, "their addresses need more than 48 bits");

  std::unique_ptr<Region> region(new Region(provider, std::move(spec), std::move(*memory), std::move(dma)));
  if (region->dma_) {
    auto mapped = region->dma_->map(*region);
    if (!mapped) {
      region->dma_.reset();
      return std::unexpected(mapped.error());
    }
    region->dma_address_ = *mapped;
  }
  region->write_descriptors();
  return region;
}

Region::~Region() {
  if (described_) {
    for (std::uint32_t i = 0; i < page_count(); ++i) unpoison(page(i));  // the addresses will serve something else
    // Without memory for them the descriptors stay where they are, so that no others can have their addresses.
    if (!keep_generations(&block(0), blocks_.size() / sizeof(DescriptorBlock))) blocks_.leave();
  }
  if (dma_) dma_->unmap(*this, dma_address_);
}

void Region::write_descriptors() {
  Generations generations{};
  for (std::uint32_t i = 0; i < page_count(); ++i) {
    if (i % DescriptorBlock::kPages == 0) {
      (new (&block(i)) DescriptorBlock)->region = this;
      generations = take_generations(block(i));
    }
    Descriptor& page = descriptor(i);
    const std::uint64_t offset = std::uint64_t{i} << spec_.page_shift;
    page.refs.store(1 | (spec_.transient ? Descriptor::kTransient : 0), std::memory_order_relaxed);
    page.index = i;
    page.owner = &no_owner();
    page.address = spec_.address + offset;
    page.dma_address = dma_ ? dma_address_ + offset : 0;
    const std::uint64_t generation = generations[i % DescriptorBlock::kPages];
    const Netmem first = Netmem::from_bits(reinterpret_cast<std::uintptr_t>(&page) | generation << kAddressBits |
                                           (spec_.device ? Netmem::kDeviceBit : 0));
    page.life().current.set(first.bits() | (spec_.transient ? Netmem::kLookBit : 0));
    poison(first);
  }
  described_ = true;
}

Netmem Region::page(std::uint32_t index) const {
  return Netmem::from_bits(descriptor(index).life().current.read() & ~Netmem::kLookBit);
}

}  // namespace netmem
