// The provider of docs/providers.md, compiled and put through the conformance suite.

// ---- in docs/providers.md ----
#include "netmem/base/units.h"
#include "netmem/providers/common/page_size.h"
#include "netmem/providers/common/region_provider.h"

// Host memory that never goes to swap.
class LockedProvider final : public netmem::RegionProvider {
 public:
  static netmem::Result<std::shared_ptr<MemoryProvider>> make(std::size_t size, std::size_t page_size,
                                                              std::shared_ptr<netmem::DmaDevice> dma = {}) {
    const auto shift = netmem::page_shift_of(page_size, size, "locked");
    if (!shift) return std::unexpected(shift.error());
    auto memory = netmem::Mapping::anonymous(size, page_size);
    if (!memory) return std::unexpected(memory.error());
    if (::mlock(memory->data(), size) != 0) return netmem::system_error("lock memory", "raise ulimit -l");
    const auto provider = std::make_shared<LockedProvider>(std::move(*memory));
    const auto cut = provider->cut({.name = "locked", .size = size, .page_shift = *shift}, std::move(dma));
    if (!cut) return std::unexpected(cut.error());
    return provider;
  }
  explicit LockedProvider(netmem::Mapping memory) : RegionProvider(std::move(memory)) {}

  std::string name() const override { return "locked"; }
  std::string describe() const override { return "locked: " + netmem::format_size(region().size()) + " of memory"; }
};
// ---- until here ----

#include <fstream>
#include <iterator>

#include "tests/provider/conformance.h"

namespace netmem {
namespace {

INSTANTIATE_TEST_SUITE_P(Documented, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) {
                           return LockedProvider::make(wanted.size, wanted.page_size, wanted.dma);
                         }}));

std::string between(const std::string& file, const std::string& from, const std::string& to) {
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto begin = text.find(from);
  if (begin == std::string::npos) return "no \"" + from + "\" in " + file;
  const auto first = begin + from.size();
  return text.substr(first, text.find(to, first) - first);
}

TEST(DocumentedProvider, IsTheOneInTheDocumentationInAtMostThirtyLines) {
  const std::string here = __FILE__;
  const std::string root = here.substr(0, here.rfind("tests/provider/"));
  const std::string compiled = between(here, "// ---- in docs/providers.md ----\n", "// ---- until here");
  EXPECT_EQ(between(root + "docs/providers.md", "```cpp\n", "```"), compiled);
  EXPECT_LE(std::count(compiled.begin(), compiled.end(), '\n'), 30);
}

}  // namespace
}  // namespace netmem
