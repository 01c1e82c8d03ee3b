// Host memory that a device copies from: registered with the device, or, said aloud, not where its driver refuses.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "netmem/core/memory_provider.h"

namespace netmem::tool {

struct StagingMemory {
  std::shared_ptr<MemoryProvider> memory;
  std::string unregistered;  // why; empty: it is registered, or need not be
};

// `dma`: MemoryProvider::staging_dma() of where the bytes go; may be null. `make` makes the host memory, with the DMA
// device that it is given.
Result<StagingMemory> make_staging_memory(
    const std::shared_ptr<DmaDevice>& dma,
    const std::function<Result<std::shared_ptr<MemoryProvider>>(std::shared_ptr<DmaDevice>)>& make);

}  // namespace netmem::tool
