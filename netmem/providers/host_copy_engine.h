// memcpy behind the copy engine's interface, for memory that the CPU may touch. Any thread.
#pragma once

#include "netmem/core/copy_engine.h"

namespace netmem {

class HostCopyEngine final : public CopyEngine {
 public:
  Result<void> copy_in(std::span<const CopyIn> batch) override;
  Result<void> copy_out(std::span<const CopyOut> batch) override;
};

// Refuses a batch with a range that leaves its page, naming the page; every engine's first step.
Result<void> check_batch(std::span<const CopyIn> batch);
Result<void> check_batch(std::span<const CopyOut> batch);

}  // namespace netmem
