// Copies between host memory and pages of a GPU's region: a batch is one trip to the device, and pieces that lie side
// by side on both sides are one copy.
//
// Threads: any. Batches are enqueued one after the other and waited for side by side.
#pragma once

#include <mutex>
#include <vector>

#include "netmem/core/copy_engine.h"
#include "netmem/core/region.h"
#include "netmem/providers/gpu/device_api.h"

namespace netmem {

class NETMEM_EXPORT GpuCopyEngine final : public CopyEngine {
 public:
  // REQUIRES: both outlive the engine; the region is memory of `device`.
  GpuCopyEngine(const Region& region, DeviceApi& device) : region_(region), device_(device) {}

  Result<void> copy_in(std::span<const CopyIn> batch) override;
  Result<void> copy_out(std::span<const CopyOut> batch) override;

  Result<CopyTicket> begin_copy_in(std::span<const CopyIn> batch) override;
  // Into a region of the same device, of any provider, or to any address of the device.
  Result<CopyTicket> begin_gather(std::span<const GatherPiece> pieces, const Destination& to) override;
  Result<CopyTicket> begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs) override;
  [[nodiscard]] bool digests_on_device() const override { return true; }
  Result<bool> poll(CopyTicket ticket) override;
  Result<void> wait(CopyTicket ticket) override;

 private:
  template <class Batch>
  Result<CopyTicket> begin(const Batch& batch);

  const Region& region_;
  DeviceApi& device_;
  std::mutex mutex_;
  // Of the batch that is being put together; the memory is used again.
  std::vector<DeviceCopy> copies_;
  std::vector<DeviceMove> moves_;
  std::vector<DeviceRange> ranges_;
};

}  // namespace netmem
