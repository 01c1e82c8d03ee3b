// memcpy behind the copy engine's interface, for memory that the CPU may touch. Any thread.
#pragma once

#include "netmem/core/copy_engine.h"

namespace netmem {

class NETMEM_EXPORT HostCopyEngine final : public CopyEngine {
 public:
  Result<void> copy_in(std::span<const CopyIn> batch) override;
  Result<void> copy_out(std::span<const CopyOut> batch) override;
};

// Refuses a batch with a range that leaves its page, or with a page that the engine does not reach, naming the page;
// every engine's first step. `own`: the one region that it reaches; null: all host memory.
NETMEM_EXPORT Result<void> check_batch(std::span<const CopyIn> batch, const Region* own = nullptr);
NETMEM_EXPORT Result<void> check_batch(std::span<const CopyOut> batch, const Region* own = nullptr);

}  // namespace netmem
