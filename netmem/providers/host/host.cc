#include "netmem/providers/host/host.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netmem/base/mapping.h"
#include "netmem/base/units.h"
#include "netmem/providers/common/page_size.h"
#include "netmem/providers/common/region_provider.h"

namespace netmem {
namespace {

class HostProvider final : public RegionProvider {
 public:
  static Result<std::shared_ptr<MemoryProvider>> create(HostOptions options) {
    auto shift = page_shift_of(options.page_size, options.size, "host");
    if (!shift) return std::unexpected(shift.error());
    if (auto fits = fits_machine(options.size, "host"); !fits) return std::unexpected(fits.error());
    auto memory = Mapping::anonymous(options.size, page_alignment(options.page_size));
    if (!memory) return std::unexpected(memory.error());
    if (auto placed = prefer_node(*memory, options.numa_node); !placed) return std::unexpected(placed.error());
    if (options.populate && ::madvise(memory->data(), memory->size(), MADV_POPULATE_WRITE) != 0)
      return system_error("back " + format_size(options.size) + " of host memory", "ask for less, or do not populate");

    std::shared_ptr<HostProvider> provider(new HostProvider(std::move(*memory)));
    const RegionSpec spec{.name = "host:" + format_size(options.size),
                          .size = options.size,
                          .page_shift = *shift,
                          .numa_node = options.numa_node};
    if (auto cut = provider->cut(spec, std::move(options.dma)); !cut) return std::unexpected(cut.error());
    return provider;
  }

  [[nodiscard]] std::string name() const override { return "host"; }
  [[nodiscard]] std::string describe() const override {
    return "host: " + format_size(region().size()) + " in pages of " + format_size(page_size());
  }

 private:
  using RegionProvider::RegionProvider;

  static Result<void> prefer_node(const Mapping& memory, int node) {
    if (node < 0) return {};
    const std::string attempted = "prefer NUMA node " + std::to_string(node) + " for host memory";
    if (node >= 64) return refused(attempted, "netmem knows nodes 0 to 63");
    const unsigned long mask = 1UL << node;
    if (::syscall(SYS_mbind, memory.data(), memory.size(), MPOL_PREFERRED, &mask, 8 * sizeof mask + 1, 0) != 0)
      return system_error(attempted, "see /sys/devices/system/node for the nodes of this machine");
    return {};
  }
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_host_provider(HostOptions options) {
  return HostProvider::create(std::move(options));
}

}  // namespace netmem
