// Memory as people write it on a command line: "memfd:256M", "huge:64M", "cuda:0:1G". Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "netmem/core/dma_device.h"
#include "netmem/core/memory_provider.h"

namespace netmem {

struct MemorySpec {
  std::string_view kind;  // one of memory_kinds(); its own storage
  std::size_t size = 0;   // bytes
  int platform = -1;      // of opencl; -1: not said
  int device = -1;        // of opencl and cuda; -1: not said
};

// "memfd, udmabuf, opencl, cuda, host, huge, huge_split, huge_1g"
NETMEM_EXPORT std::string memory_kinds();

// KIND:SIZE; of cuda KIND:DEVICE:SIZE, and of opencl perhaps KIND:PLATFORM.DEVICE:SIZE, with numbers up to 999. The
// error names the known kinds.
NETMEM_EXPORT Result<MemorySpec> parse_memory_spec(std::string_view text);

NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_provider(const MemorySpec& spec, std::size_t page_size,
                                                                    std::shared_ptr<DmaDevice> dma = {});
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_provider(std::string_view spec, std::size_t page_size,
                                                                    std::shared_ptr<DmaDevice> dma = {});

}  // namespace netmem
