#include "netmem/providers/host/huge.h"

#include <algorithm>
#include <new>

#include "netmem/base/check.h"
#include "netmem/base/units.h"
#include "netmem/providers/common/backing_page.h"
#include "netmem/providers/common/blocks.h"
#include "netmem/providers/common/host_copy_engine.h"
#include "netmem/providers/common/huge_pages.h"
#include "netmem/providers/common/page_size.h"

namespace netmem {
namespace {

// How many huge pages are looked at before going outside.
constexpr std::size_t kScan = 8;
// A block from outside.
constexpr std::size_t kOutsideBlock = 64 * KiB;

class HugeProvider final : public MemoryProvider {
 public:
  static Result<std::shared_ptr<MemoryProvider>> create(HugeOptions options) {
    auto shift = page_shift_of(options.page_size, options.size, "huge");
    if (!shift) return std::unexpected(shift.error());
    if (options.size < kHuge2M)
      return refused("make a huge provider", format_size(options.size) + " hold no page of 2 MiB",
                     "give it a multiple of 2M");
    const std::size_t outside = options.outside_size.value_or(options.size);
    auto memory = map_huge_pages(options.size / kHuge2M, kHuge2M);
    if (!memory) return std::unexpected(memory.error());
    auto backing = backing_page_size(memory->data());
    if (!backing) return std::unexpected(backing.error());

    std::shared_ptr<HugeProvider> provider(new HugeProvider(std::move(*memory), *shift, outside, options.dma));
    const RegionSpec spec{.name = "huge:" + format_size(provider->memory_.size()),
                          .address = reinterpret_cast<std::uintptr_t>(provider->memory_.data()),
                          .size = provider->memory_.size(),
                          .page_shift = *shift,
                          .backing_page = *backing,
                          .io_window = provider->memory_.data()};
    auto region = Region::create(*provider, spec, std::move(options.dma));
    if (!region) return std::unexpected(region.error());
    provider->region_ = std::move(*region);
    return provider;
  }

  std::size_t grant(std::span<Netmem> out) noexcept override {
    const std::scoped_lock lock(mutex_);
    const std::size_t inside = grant_inside(out);
    inside_granted_ += inside;
    const std::size_t outside = grant_outside(out.subspan(inside));
    outside_granted_ += outside;
    return inside + outside;
  }

  void reclaim(std::span<const Netmem> pages) noexcept override {
    const std::scoped_lock lock(mutex_);
    for (const Netmem& page : pages) {
      if (&page.region() == region_.get()) {
        reclaim_inside(page);
      } else {
        outside_.reclaim(std::span<const Netmem>(&page, 1));
        ++outside_reclaimed_;
      }
    }
  }

  [[nodiscard]] std::string name() const override { return "huge"; }
  [[nodiscard]] std::string describe() const override {
    return "huge: " + format_size(region_->size()) + " in pages of " + format_size(page_size()) + ", " +
           backed_by(region_->backing_page()) + "; up to " + format_size(outside_size_) + " from outside";
  }
  [[nodiscard]] unsigned page_shift() const override { return page_shift_; }
  [[nodiscard]] bool is_device() const override { return false; }
  void visit_regions(const RegionVisitor& visit) const override {
    const std::scoped_lock lock(mutex_);
    visit(*region_);
    outside_.visit_regions(visit);
  }
  [[nodiscard]] const Region* lasting_region() const override { return region_.get(); }
  [[nodiscard]] std::size_t free_pages() const override {
    const std::scoped_lock lock(mutex_);
    return region_->page_count() - (inside_granted_ - inside_reclaimed_) + outside_.free_pages();
  }
  [[nodiscard]] std::vector<Counter> counters() const override {
    const std::scoped_lock lock(mutex_);
    return {{"inside_granted", inside_granted_},
            {"inside_reclaimed", inside_reclaimed_},
            {"inside_busy", inside_busy_},
            {"outside_granted", outside_granted_},
            {"outside_reclaimed", outside_reclaimed_},
            {"outside_failed", outside_failed_}};
  }
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

 private:
  HugeProvider(Mapping memory, unsigned page_shift, std::size_t outside_size, std::shared_ptr<DmaDevice> dma)
      : memory_(std::move(memory)),
        page_shift_(page_shift),
        pages_per_huge_(static_cast<std::uint32_t>(huge_block(std::size_t{1} << page_shift) >> page_shift)),
        outside_size_(outside_size),
        out_((memory_.size() >> page_shift) / pages_per_huge_),
        outside_(*this, "huge (outside)", page_shift, true, std::move(dma)) {}

  std::size_t grant_inside(std::span<Netmem> out) noexcept {
    std::size_t count = 0;
    while (count < out.size()) {
      if (cut_ == pages_per_huge_ && !next_huge_page()) break;
      const auto first = static_cast<std::uint32_t>(current_ * pages_per_huge_ + cut_);
      const auto taken = static_cast<std::uint32_t>(std::min<std::size_t>(pages_per_huge_ - cut_, out.size() - count));
      for (std::uint32_t i = 0; i < taken; ++i) out[count + i] = region_->page(first + i);
      cut_ += taken;
      out_[current_] += taken;
      count += taken;
    }
    return count;
  }

  // The first of the next few, in order, whose pages are all back. The next call goes on where this one gave up, so a
  // free page is found wherever it is.
  bool next_huge_page() noexcept {
    for (std::size_t i = 0; i < std::min(kScan, out_.size()); ++i) {
      const std::size_t candidate = next_;
      next_ = (next_ + 1) % out_.size();
      if (out_[candidate] == 0) {
        current_ = candidate;
        cut_ = 0;
        return true;
      }
      ++inside_busy_;
    }
    return false;
  }

  void reclaim_inside(Netmem page) noexcept {
    std::uint32_t& out = out_[page.index() / pages_per_huge_];
    NETMEM_CHECK(out != 0, "huge: more pages of huge page %u came back than were granted",
                 page.index() / pages_per_huge_);
    --out;
    ++inside_reclaimed_;
  }

  std::size_t grant_outside(std::span<Netmem> out) noexcept {
    std::size_t count = outside_.grant(out);
    while (count < out.size() && take_outside_block()) count += outside_.grant(out.subspan(count));
    return count;
  }

  bool take_outside_block() noexcept {
    const std::size_t left = outside_size_ - std::min(outside_size_, outside_.size());
    const std::size_t wanted = std::min(std::max(kOutsideBlock, page_size()), left >> page_shift_ << page_shift_);
    if (wanted == 0) return false;
    bool taken = false;
    try {
      auto memory = Mapping::anonymous(wanted, page_alignment(page_size()));
      taken = memory && outside_.add(std::move(*memory));
    } catch (const std::bad_alloc&) {
      taken = false;
    }
    if (!taken) ++outside_failed_;
    return taken;
  }

  Mapping memory_;
  const unsigned page_shift_;
  const std::uint32_t pages_per_huge_;  // 1: a page has one or more of them, which are then as one
  const std::size_t outside_size_;
  std::unique_ptr<Region> region_;

  mutable std::mutex mutex_;             // guards everything below
  std::vector<std::uint32_t> out_;       // of each huge page: how many of its pages are granted
  std::size_t current_ = 0;              // being cut; none yet
  std::uint32_t cut_ = pages_per_huge_;  // pages of it granted since it was opened
  std::size_t next_ = 0;                 // where the scan goes on
  Blocks outside_;
  std::uint64_t inside_granted_ = 0;
  std::uint64_t inside_reclaimed_ = 0;
  std::uint64_t inside_busy_ = 0;
  std::uint64_t outside_granted_ = 0;
  std::uint64_t outside_reclaimed_ = 0;
  std::uint64_t outside_failed_ = 0;
  HostCopyEngine engine_;
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_huge_provider(HugeOptions options) {
  return HugeProvider::create(std::move(options));
}

}  // namespace netmem
