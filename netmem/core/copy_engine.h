// Moves bytes between host memory and pages of any kind: the stand-in for a device's DMA where there is no device, the
// device's own where there is one. For host pages it is memcpy, so that callers need not ask.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "netmem/base/error.h"
#include "netmem/base/export.h"
#include "netmem/core/netmem.h"

namespace netmem {

// Ranges stay inside one page.
struct CopyIn {
  Netmem to;
  std::uint32_t offset;
  std::span<const std::byte> from;
};
struct CopyOut {
  std::span<std::byte> to;
  Netmem from;
  std::uint32_t offset;
};

class NETMEM_EXPORT CopyEngine {
 public:
  virtual ~CopyEngine() = default;

  // All of the batch has happened when they return. A range that leaves its page, or a page that the engine cannot
  // reach, is refused before anything is copied.
  virtual Result<void> copy_in(std::span<const CopyIn> batch) = 0;
  virtual Result<void> copy_out(std::span<const CopyOut> batch) = 0;
};

}  // namespace netmem
