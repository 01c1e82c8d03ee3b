#include "tools/staging_memory.h"

#include <utility>

#include "tools/report.h"

namespace netmem::tool {

Result<StagingMemory> make_staging_memory(
    const std::shared_ptr<DmaDevice>& dma,
    const std::function<Result<std::shared_ptr<MemoryProvider>>(std::shared_ptr<DmaDevice>)>& make) {
  StagingMemory staging;
  Result<std::shared_ptr<MemoryProvider>> memory = make(dma);
  if (!memory && dma != nullptr) {
    staging.unregistered = memory.error().message();
    memory = make(nullptr);
    if (memory) print_error(staging.unregistered + "; copies to the device take a detour");
  }
  if (!memory) return std::unexpected(memory.error());
  staging.memory = std::move(*memory);
  return staging;
}

}  // namespace netmem::tool
