#include "netmem/providers/common/region_provider.h"

namespace netmem {

Result<void> RegionProvider::cut(RegionSpec spec, std::shared_ptr<DmaDevice> dma) {
  if (spec.address == 0) {
    spec.address = reinterpret_cast<std::uintptr_t>(memory_.data());
    spec.io_window = memory_.data();
  }
  auto region = Region::create(*this, std::move(spec), std::move(dma));
  if (!region) return std::unexpected(region.error());
  region_ = std::move(*region);
  free_.emplace(*region_);
  return {};
}

}  // namespace netmem
