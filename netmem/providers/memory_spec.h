// Memory as people write it on a command line: "memfd:256M", "huge:64M", "opencl:0.1:1G". Any thread.
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
  // Of opencl; -1: not said.
  int platform = -1;
  int device = -1;
};

// "memfd, udmabuf, opencl, host, huge, huge_split, huge_1g"
NETMEM_EXPORT std::string memory_kinds();

// KIND:SIZE, or opencl:PLATFORM.DEVICE:SIZE with numbers up to 999. The error names the known kinds.
NETMEM_EXPORT Result<MemorySpec> parse_memory_spec(std::string_view text);

NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_provider(const MemorySpec& spec, std::size_t page_size,
                                                                    std::shared_ptr<DmaDevice> dma = {});
NETMEM_EXPORT Result<std::shared_ptr<MemoryProvider>> make_provider(std::string_view spec, std::size_t page_size,
                                                                    std::shared_ptr<DmaDevice> dma = {});

}  // namespace netmem
