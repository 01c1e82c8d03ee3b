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
//  3. An address is valid from allocate or adopt to free. The CPU cannot touch it.
//  4. Copies, moves, gathers and digests share the one queue and its order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "netmem/base/error.h"
#include "netmem/base/export.h"
#include "netmem/base/fd.h"

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

// Offsets are bytes from an address that the call names.
struct DeviceMove {
  std::uint64_t from;
  std::uint64_t to;
  std::uint64_t size;  // bytes; not 0
};
struct DeviceRange {
  std::uint64_t offset;
  std::uint64_t size;
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

  // Memory that is really there when it returns. `alignment`: of the address, a power of two, 4 KiB to 2 MiB, whatever
  // the size of pages.
  virtual Result<DeviceAddress> allocate(std::size_t size, std::size_t alignment) = 0;
  // Memory that the program has already: CUDA's device pointer (CUdeviceptr), OpenCL's cl_mem of the device's own
  // context (open_opencl_in). It stays the program's, who frees it after free() has forgotten it here. Refused with the
  // reason when it is not memory of this device, or too short. The address is as the handle has it, OpenCL's a multiple
  // of 2 MiB.
  virtual Result<DeviceAddress> adopt(std::uintptr_t handle, std::size_t size);
  // REQUIRES: from allocate or adopt; nothing that touches it is under way.
  virtual void free(DeviceAddress address) noexcept = 0;

  // The range as a dma-buf, for a NIC or another device; or why the driver does not give one. REQUIRES: in one
  // allocation.
  virtual Result<Fd> export_dmabuf(DeviceAddress address, std::size_t size);

  // Host memory that the device reaches without a detour from now on (cuMemHostRegister); once per region. An api that
  // has no such thing says nothing and does nothing. Refused where some of it is registered already. The range is that
  // of one registration; REQUIRES: nothing that uses it is under way when it ends.
  virtual Result<void> register_host(std::span<std::byte> memory);
  virtual void unregister_host(std::span<std::byte> memory) noexcept;

  // All of the batch is enqueued, or nothing of it is under way.
  virtual Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) = 0;
  // All moves in one launch, at any alignment, from one allocation into one (it may be the same). Refused when a range
  // leaves it. REQUIRES: bytes that are read and bytes that are written do not overlap.
  virtual Result<DeviceTicket> enqueue_gather(DeviceAddress from, std::span<const DeviceMove> moves, DeviceAddress to);
  // One copy by the device's own means: what gather is measured against.
  virtual Result<DeviceTicket> enqueue_move(DeviceAddress from, DeviceAddress to, std::size_t size);
  // CRC-32C of each range (RFC 3720, appendix B.4: reflected, from ~0, inverted at the end), computed on the device,
  // all in one launch; in `crcs` when its ticket has ended. REQUIRES: as many crcs as ranges.
  virtual Result<DeviceTicket> enqueue_digest(DeviceAddress from, std::span<const DeviceRange> ranges,
                                              std::span<std::uint32_t> crcs);
  // True: done. Never blocks. REQUIRES: the ticket has not ended; one thread at a time asks for one ticket.
  virtual Result<bool> poll(DeviceTicket ticket) = 0;
  virtual Result<void> wait(DeviceTicket ticket) = 0;
};

}  // namespace netmem
