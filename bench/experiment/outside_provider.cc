#include "bench/experiment/outside_provider.h"

#include <bit>

namespace netmem::bench {
namespace {

// As docs/providers.md has it: gets the memory, and cuts it.
class OutsideProvider final : public RegionProvider {
 public:
  static Result<std::shared_ptr<MemoryProvider>> create(std::size_t size, std::size_t page_size) {
    auto memory = Mapping::anonymous(size, page_size);
    if (!memory) return std::unexpected(memory.error());
    std::shared_ptr<OutsideProvider> provider(new OutsideProvider(std::move(*memory)));
    const auto shift = static_cast<unsigned>(std::countr_zero(page_size));
    const auto cut = provider->cut({.name = "outside", .size = size, .page_shift = shift}, {});
    if (!cut) return std::unexpected(cut.error());
    return provider;
  }

  [[nodiscard]] std::string name() const override { return "outside"; }
  [[nodiscard]] std::string describe() const override { return "outside: " + format_size(region().size()); }

 private:
  using RegionProvider::RegionProvider;
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_outside_provider(std::size_t size, std::size_t page_size) {
  return OutsideProvider::create(size, page_size);
}

}  // namespace netmem::bench
