#include "netmem/providers/host/huge_1g.h"

#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/base/units.h"
#include "netmem/providers/common/backing_page.h"
#include "netmem/providers/common/huge_pages.h"
#include "netmem/providers/common/page_size.h"
#include "netmem/providers/common/region_provider.h"

namespace netmem {
namespace {

// What a slice occupies: keeps the next one at a multiple of 2 MiB.
std::size_t rounded(std::size_t size) { return (size + kHuge2M - 1) & ~(kHuge2M - 1); }

// Where in the free range [begin, begin + room) `size` bytes go, if they do.
std::optional<std::size_t> place(std::size_t begin, std::size_t room, std::size_t size) {
  const std::size_t page_end = (begin / kHuge1G + 1) * kHuge1G;
  const std::size_t start = begin % kHuge1G != 0 && begin + size > page_end ? page_end : begin;
  if (start + size > begin + room) return std::nullopt;
  return start;
}

}  // namespace

class Huge1GSlice final : public RegionProvider {
 public:
  Huge1GSlice(std::shared_ptr<Huge1G> whole, std::size_t offset, std::size_t size)
      : whole_(std::move(whole)), offset_(offset), size_(size) {}
  ~Huge1GSlice() override {
    destroy_region();
    whole_->give_back(offset_, rounded(size_));
  }

  Result<void> cut_slice(unsigned page_shift, std::shared_ptr<DmaDevice> dma) {
    std::byte* const begin = whole_->memory_.data() + offset_;
    auto backing = backing_page_size(begin);
    if (!backing) return std::unexpected(backing.error());
    const RegionSpec spec{.name = "huge_1g:" + format_size(size_),
                          .address = reinterpret_cast<std::uintptr_t>(begin),
                          .size = size_,
                          .page_shift = page_shift,
                          .backing_page = *backing,
                          .io_window = begin};
    return cut(spec, std::move(dma));
  }

  [[nodiscard]] std::string name() const override { return "huge_1g"; }
  [[nodiscard]] std::string describe() const override {
    return "huge_1g: a slice of " + format_size(size_) + " of " + format_size(whole_->size()) + " in pages of " +
           format_size(page_size()) + ", " + backed_by(region().backing_page());
  }

 private:
  const std::shared_ptr<Huge1G> whole_;
  const std::size_t offset_;
  const std::size_t size_;
};

Huge1G::Huge1G(Mapping memory, std::size_t backing_page)
    : memory_(std::move(memory)), backing_page_(backing_page), free_{{0, memory_.size()}} {}

Result<std::shared_ptr<Huge1G>> Huge1G::create(std::size_t pages) {
  if (pages == 0) return refused("take 1 GiB pages", "their number is zero", "ask for at least one");
  auto memory = map_huge_pages(pages, kHuge1G);
  if (!memory) return std::unexpected(memory.error());
  auto backing = backing_page_size(memory->data());
  if (!backing) return std::unexpected(backing.error());
  return std::shared_ptr<Huge1G>(new Huge1G(std::move(*memory), *backing));
}

Result<std::shared_ptr<MemoryProvider>> Huge1G::slice(std::size_t size, std::size_t page_size,
                                                      std::shared_ptr<DmaDevice> dma) {
  auto shift = page_shift_of(page_size, size, "huge_1g");
  if (!shift) return std::unexpected(shift.error());
  auto offset = take(size);
  if (!offset) return std::unexpected(offset.error());
  auto provider = std::make_shared<Huge1GSlice>(shared_from_this(), *offset, size);
  if (auto cut = provider->cut_slice(*shift, std::move(dma)); !cut) return std::unexpected(cut.error());
  return provider;
}

// First fit: slices are few, large and long-lived.
Result<std::size_t> Huge1G::take(std::size_t size) {
  const std::string attempted = "take a slice of " + format_size(size) + " of 1 GiB pages";
  if (size > memory_.size())
    return refused(attempted, "there are only " + format_size(memory_.size()),
                   "ask for less, or take more 1 GiB pages");
  const std::scoped_lock lock(mutex_);
  const std::size_t needed = rounded(size);
  for (auto range = free_.begin(); range != free_.end(); ++range) {
    const auto [begin, room] = *range;
    const auto start = place(begin, room, needed);
    if (!start) continue;
    free_.erase(range);
    if (*start != begin) free_.emplace(begin, *start - begin);
    if (*start + needed != begin + room) free_.emplace(*start + needed, begin + room - *start - needed);
    return *start;
  }
  return refused(attempted, "no free range is that large", "destroy a slice, or take more 1 GiB pages");
}

void Huge1G::give_back(std::size_t offset, std::size_t size) noexcept {
  const std::scoped_lock lock(mutex_);
  auto range = free_.emplace(offset, size).first;
  if (const auto next = std::next(range); next != free_.end() && next->first == offset + size) {
    range->second += next->second;
    free_.erase(next);
  }
  if (range == free_.begin()) return;
  const auto before = std::prev(range);
  NETMEM_CHECK(before->first + before->second <= offset, "huge_1g: a slice at %zu came back that was free", offset);
  if (before->first + before->second != offset) return;
  before->second += range->second;
  free_.erase(range);
}

std::size_t Huge1G::free_bytes() const {
  const std::scoped_lock lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& [begin, size] : free_) bytes += size;
  return bytes;
}

Result<std::shared_ptr<MemoryProvider>> make_huge_1g_provider(std::size_t size, std::size_t page_size,
                                                              std::shared_ptr<DmaDevice> dma) {
  if (auto shift = page_shift_of(page_size, size, "huge_1g"); !shift) return std::unexpected(shift.error());
  auto whole = Huge1G::create(size / kHuge1G + (size % kHuge1G != 0 ? 1 : 0));
  if (!whole) return std::unexpected(whole.error());
  return (*whole)->slice(size, page_size, std::move(dma));
}

}  // namespace netmem
