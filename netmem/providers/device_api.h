// What netmem wants of a GPU, or of another device with memory and a queue of its own. One object is one device; OpenCL
// and CUDA implement it, and everything above it is written once. Tests wrap it: late completions, calls that fail.
//
//   enqueue(batch) --> one queue, in order --> poll or wait tells once that the batch is done, or why not
//
// Threads: any.
// Invariants:
//  1. Copies happen in the order in which they were enqueued, whatever batch they are of.
//  2. A ticket ends with the poll or wait that says done or gives an error. Until then the batch's host memory is the
//     device's, from then on it is the caller's: after an error, too, nothing of the batch is under way any more.
//  3. An address is valid from allocate to free. The CPU cannot touch it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "netmem/base/error.h"
#include "netmem/base/export.h"

namespace netmem {

// CUDA's own; OpenCL has none for buffers, so each gets a range of addresses that nothing is mapped to.
using DeviceAddress = std::uint64_t;

struct DeviceCopy {
  enum class Direction : std::uint8_t { to_device, to_host };
  Direction direction;
  DeviceAddress device;  // with all `size` bytes in one allocation
  std::byte* host;       // only read when it goes to the device
  std::size_t size;      // bytes; not 0
};

enum class DeviceTicket : std::uint64_t {};

class NETMEM_EXPORT DeviceApi {
 public:
  DeviceApi() = default;
  DeviceApi(const DeviceApi&) = delete;
  DeviceApi& operator=(const DeviceApi&) = delete;
  // REQUIRES: everything is freed. Waits for what is under way.
  virtual ~DeviceApi() = default;

  // "opencl"; and the device for people: "opencl:0.1 (Arc A770 of Intel(R) OpenCL)".
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::string describe() const = 0;

  // Memory that is really there when it returns. `alignment`: of the address, a power of two, 4 KiB to 2 MiB.
  virtual Result<DeviceAddress> allocate(std::size_t size, std::size_t alignment) = 0;
  // REQUIRES: from allocate; no copy of it is under way.
  virtual void free(DeviceAddress address) noexcept = 0;

  // All of the batch is enqueued, or nothing of it is under way.
  virtual Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) = 0;
  // True: done. Never blocks. REQUIRES: the ticket has not ended; one thread at a time asks for one ticket.
  virtual Result<bool> poll(DeviceTicket ticket) = 0;
  virtual Result<void> wait(DeviceTicket ticket) = 0;
};

}  // namespace netmem
