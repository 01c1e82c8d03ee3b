#include "netmem/providers/host.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

#include "netmem/base/mapping.h"
#include "netmem/base/units.h"
#include "netmem/providers/free_list.h"
#include "netmem/providers/host_copy_engine.h"
#include "netmem/providers/page_size.h"

namespace netmem {
namespace {

class HostProvider final : public MemoryProvider {
 public:
  static Result<std::shared_ptr<MemoryProvider>> create(HostOptions options) {
    auto shift = page_shift_of(options.page_size, options.size, "host");
    if (!shift) return std::unexpected(shift.error());
    if (auto fits = fits_machine(options.size, "host"); !fits) return std::unexpected(fits.error());
    auto memory = Mapping::anonymous(options.size, options.page_size);
    if (!memory) return std::unexpected(memory.error());
    if (auto placed = prefer_node(*memory, options.numa_node); !placed) return std::unexpected(placed.error());
    if (options.populate && ::madvise(memory->data(), memory->size(), MADV_POPULATE_WRITE) != 0)
      return system_error("back " + format_size(options.size) + " of host memory", "ask for less, or do not populate");

    std::shared_ptr<HostProvider> provider(new HostProvider(std::move(*memory), *shift));
    const RegionSpec spec{.name = "host:" + format_size(options.size),
                          .address = reinterpret_cast<std::uintptr_t>(provider->memory_.data()),
                          .size = options.size,
                          .page_shift = *shift,
                          .numa_node = options.numa_node,
                          .io_window = provider->memory_.data()};
    auto region = Region::create(*provider, spec, std::move(options.dma));
    if (!region) return std::unexpected(region.error());
    provider->region_ = std::move(*region);
    provider->free_.emplace(*provider->region_);
    return provider;
  }

  std::size_t grant(std::span<Netmem> out) noexcept override { return free_->grant(out); }
  void reclaim(std::span<const Netmem> pages) noexcept override { free_->reclaim(pages); }
  [[nodiscard]] std::string name() const override { return "host"; }
  [[nodiscard]] std::string describe() const override {
    return "host: " + format_size(region_->size()) + " in pages of " + format_size(page_size());
  }
  [[nodiscard]] unsigned page_shift() const override { return page_shift_; }
  [[nodiscard]] bool is_device() const override { return false; }
  [[nodiscard]] std::vector<const Region*> regions() const override { return {region_.get()}; }
  [[nodiscard]] std::size_t free_pages() const override { return free_->size(); }
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

 private:
  HostProvider(Mapping memory, unsigned page_shift) : memory_(std::move(memory)), page_shift_(page_shift) {}

  static Result<void> prefer_node(const Mapping& memory, int node) {
    if (node < 0) return {};
    const std::string attempted = "prefer NUMA node " + std::to_string(node) + " for host memory";
    if (node >= 64) return refused(attempted, "netmem knows nodes 0 to 63");
    const unsigned long mask = 1UL << node;
    if (::syscall(SYS_mbind, memory.data(), memory.size(), MPOL_PREFERRED, &mask, 8 * sizeof mask + 1, 0) != 0)
      return system_error(attempted, "see /sys/devices/system/node for the nodes of this machine");
    return {};
  }

  Mapping memory_;
  unsigned page_shift_;
  std::unique_ptr<Region> region_;
  std::optional<FreeList> free_;
  HostCopyEngine engine_;
};

}  // namespace

Result<std::shared_ptr<MemoryProvider>> make_host_provider(HostOptions options) {
  return HostProvider::create(std::move(options));
}

}  // namespace netmem
