#include "netmem/providers/decorators/limit.h"

#include <algorithm>
#include <atomic>

#include "netmem/base/check.h"
#include "netmem/base/units.h"
#include "netmem/providers/common/page_size.h"
#include "netmem/providers/decorators/decorator.h"

namespace netmem {
namespace {

class LimitProvider final : public Decorator {
 public:
  LimitProvider(std::shared_ptr<MemoryProvider> wrapped, std::size_t bytes)
      : Decorator(std::move(wrapped)), bytes_(bytes), pages_(bytes >> inner().page_shift()), left_(pages_) {}

  std::size_t grant(std::span<Netmem> out) noexcept override {
    const std::size_t allowed = take(out.size());
    refused_.fetch_add(out.size() - allowed, std::memory_order_relaxed);
    if (allowed == 0) return 0;
    const std::size_t count = inner().grant(out.first(allowed));
    left_.fetch_add(allowed - count, std::memory_order_relaxed);
    return count;
  }

  void reclaim(std::span<const Netmem> pages) noexcept override {
    inner().reclaim(pages);
    put(pages.size());
  }

  void disconnected_page_leaves() override {
    inner().disconnected_page_leaves();
    disconnected_.fetch_add(1, std::memory_order_relaxed);
    put(1);
  }

  [[nodiscard]] std::string describe() const override {
    return inner().describe() + "; at most " + format_size(bytes_) + " granted at a time";
  }
  [[nodiscard]] std::vector<Counter> counters() const override {
    std::vector<Counter> all{{"limit_bytes", bytes_},
                             {"limit_granted", (pages_ - left_.load(std::memory_order_relaxed)) << page_shift()},
                             {"limit_refused", refused_.load(std::memory_order_relaxed)},
                             {"limit_disconnected", disconnected_.load(std::memory_order_relaxed)}};
    const std::vector<Counter> rest = inner().counters();
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  }

 private:
  // Pages off the budget, before the wrapped provider is asked: two threads together never exceed it.
  std::size_t take(std::size_t wanted) noexcept {
    std::size_t left = left_.load(std::memory_order_relaxed);
    while (!left_.compare_exchange_weak(left, left - std::min(left, wanted), std::memory_order_relaxed)) {
    }
    return std::min(left, wanted);
  }

  void put(std::size_t pages) noexcept {
    const std::size_t left = left_.fetch_add(pages, std::memory_order_relaxed) + pages;
    NETMEM_CHECK(left <= pages_, "limit of %zu pages: %zu came back that were not granted here", pages_, left - pages_);
  }

  const std::size_t bytes_;
  const std::size_t pages_;
  std::atomic<std::size_t> left_;  // pages
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> disconnected_{0};
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_limit_provider(std::shared_ptr<MemoryProvider> inner, std::size_t bytes) {
  if (!inner) return refused("make a limit provider", "there is no provider to limit");
  if (auto shift = page_shift_of(inner->page_size(), bytes, "limit"); !shift) return std::unexpected(shift.error());
  return std::make_shared<LimitProvider>(std::move(inner), bytes);
}

}  // namespace netmem
