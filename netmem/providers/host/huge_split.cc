#include "netmem/providers/host/huge_split.h"

#include <algorithm>
#include <new>

#include "netmem/base/units.h"
#include "netmem/providers/common/blocks.h"
#include "netmem/providers/common/host_copy_engine.h"
#include "netmem/providers/common/huge_pages.h"
#include "netmem/providers/common/page_size.h"

namespace netmem {
namespace {

class HugeSplitProvider final : public MemoryProvider {
 public:
  HugeSplitProvider(HugeSplitOptions options, unsigned page_shift)
      : options_(std::move(options)),
        page_shift_(page_shift),
        blocks_(*this, "huge_split:" + format_size(options_.size), page_shift, false, options_.dma) {}

  std::size_t grant(std::span<Netmem> out) noexcept override {
    const std::scoped_lock lock(mutex_);
    std::size_t count = blocks_.grant(out);
    while (count < out.size() && take_block()) count += blocks_.grant(out.subspan(count));
    granted_ += count;
    return count;
  }

  void reclaim(std::span<const Netmem> pages) noexcept override {
    const std::scoped_lock lock(mutex_);
    reclaimed_ += pages.size();
    blocks_.reclaim(pages);
  }

  [[nodiscard]] std::string name() const override { return "huge_split"; }
  [[nodiscard]] std::string describe() const override {
    const std::scoped_lock lock(mutex_);
    const std::size_t huge = blocks_.count(kHuge2M);
    return "huge_split: up to " + format_size(options_.size) + " in pages of " + format_size(page_size()) + "; " +
           std::to_string(huge) + " blocks " + backed_by(kHuge2M) + ", " + std::to_string(blocks_.count() - huge) +
           " by smaller ones";
  }
  [[nodiscard]] unsigned page_shift() const override { return page_shift_; }
  [[nodiscard]] bool is_device() const override { return false; }
  void visit_regions(const RegionVisitor& visit) const override {
    const std::scoped_lock lock(mutex_);
    blocks_.visit_regions(visit);
  }
  [[nodiscard]] std::size_t free_pages() const override {
    const std::scoped_lock lock(mutex_);
    return blocks_.free_pages();
  }
  [[nodiscard]] std::vector<Counter> counters() const override {
    const std::scoped_lock lock(mutex_);
    return {{"granted", granted_},           {"reclaimed", reclaimed_},     {"huge_blocks", huge_blocks_},
            {"small_blocks", small_blocks_}, {"huge_missed", huge_missed_}, {"blocks_returned", blocks_.returned()},
            {"block_failed", block_failed_}};
  }
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

 private:
  // False: at the limit, or the system gives nothing.
  bool take_block() noexcept {
    const std::size_t left = (options_.size - blocks_.size()) >> page_shift_ << page_shift_;
    if (left == 0) return false;
    try {
      if (left >= huge_block(page_size()) && try_huge()) return true;
      return try_small(left);
    } catch (const std::bad_alloc&) {
      ++block_failed_;
      return false;
    }
  }

  bool try_huge() {
    const auto now = options_.clock();
    if (now < next_try_) return false;
    auto memory = map_huge_pages(huge_block(page_size()) / kHuge2M, kHuge2M);
    if (!memory) {
      ++huge_missed_;
      next_try_ = now + options_.retry_interval;
      return false;
    }
    return add(std::move(*memory), huge_blocks_);
  }

  bool try_small(std::size_t left) {
    const std::size_t wanted = std::max(options_.small_block >> page_shift_, std::size_t{1}) << page_shift_;
    auto memory = Mapping::anonymous(std::min(wanted, left), page_alignment(page_size()));
    if (!memory) {
      ++block_failed_;
      return false;
    }
    return add(std::move(*memory), small_blocks_);
  }

  bool add(Mapping memory, std::uint64_t& counter) {
    const bool added = blocks_.add(std::move(memory)).has_value();
    ++(added ? counter : block_failed_);
    return added;
  }

  const HugeSplitOptions options_;
  const unsigned page_shift_;
  mutable std::mutex mutex_;  // guards everything below
  Blocks blocks_;
  std::chrono::steady_clock::time_point next_try_ = std::chrono::steady_clock::time_point::min();
  std::uint64_t granted_ = 0;
  std::uint64_t reclaimed_ = 0;
  std::uint64_t huge_blocks_ = 0;
  std::uint64_t small_blocks_ = 0;
  std::uint64_t huge_missed_ = 0;
  std::uint64_t block_failed_ = 0;
  HostCopyEngine engine_;
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_huge_split_provider(HugeSplitOptions options) {
  auto shift = page_shift_of(options.page_size, options.size, "huge_split");
  if (!shift) return std::unexpected(shift.error());
  if (auto fits = fits_machine(options.size, "huge_split"); !fits) return std::unexpected(fits.error());
  if (!options.clock) options.clock = [] { return std::chrono::steady_clock::now(); };
  return std::make_shared<HugeSplitProvider>(std::move(options), *shift);
}

}  // namespace netmem
