#include "netmem/providers/decorators/fail_nth.h"

#include <atomic>

#include "netmem/providers/decorators/decorator.h"

namespace netmem {
namespace {

class FailNthProvider final : public Decorator {
 public:
  FailNthProvider(std::shared_ptr<MemoryProvider> wrapped, std::uint64_t n, FailNth mode)
      : Decorator(std::move(wrapped)), n_(n), mode_(mode) {}

  std::size_t grant(std::span<Netmem> out) noexcept override {
    const std::uint64_t call = grants_.fetch_add(1, std::memory_order_relaxed) + 1;
    const bool fails = mode_ == FailNth::once ? call == n_ : call % n_ == 0;
    if (!fails) return inner().grant(out);
    failed_.fetch_add(1, std::memory_order_relaxed);
    return 0;
  }

  [[nodiscard]] std::string describe() const override {
    return inner().describe() + "; " + (mode_ == FailNth::once ? "grant " : "every grant that is a multiple of ") +
           std::to_string(n_) + " fails";
  }
  [[nodiscard]] std::vector<Counter> counters() const override {
    std::vector<Counter> all{{"fail_nth_grants", grants_.load(std::memory_order_relaxed)},
                             {"fail_nth_failed", failed_.load(std::memory_order_relaxed)}};
    const std::vector<Counter> rest = inner().counters();
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  }

 private:
  const std::uint64_t n_;
  const FailNth mode_;
  std::atomic<std::uint64_t> grants_{0};
  std::atomic<std::uint64_t> failed_{0};
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_fail_nth_provider(std::shared_ptr<MemoryProvider> inner, std::uint64_t n,
                                                               FailNth mode) {
  if (!inner) return refused("make a fail_nth provider", "there is no provider to wrap");
  if (n == 0) return refused("make a fail_nth provider", "grants are counted from 1", "give it n >= 1");
  return std::make_shared<FailNthProvider>(std::move(inner), n, mode);
}

}  // namespace netmem
