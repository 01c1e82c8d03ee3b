// Moves bytes between host memory and pages of any kind: the stand-in for a device's DMA where there is no device, the
// device's own where there is one. For host pages it is memcpy, so that callers need not ask.
//
//   begin_copy_in, begin_gather, begin_crc32c --> ticket --> poll, wait: the bytes are there, or why not, once
//
// An engine without a queue of its own has copied when begin returns.
// Threads: any.
// Invariants:
//  1. What one thread begins lands in the order in which it began it, as far as the same bytes are concerned.
//  2. A ticket ends with the poll or wait that says done or gives an error. Until then the batch's host memory and its
//     pages are the engine's, from then on the caller's, after an error too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "netmem/base/error.h"
#include "netmem/base/export.h"
#include "netmem/core/netmem.h"

namespace netmem {

class Region;

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

// Bytes of one page, for what concerns several of them.
struct GatherPiece {
  Netmem from;
  std::uint32_t offset;
  std::uint32_t size;
};

// Where a gather writes: `size` bytes from `address` on, at any alignment. In a region (Region::address() is its first
// byte), in pages that the program holds, or, where `region` is null, at an address of the engine's own device.
struct Destination {
  const Region* region = nullptr;
  std::uint64_t address = 0;
  std::size_t size = 0;
};

enum class CopyTicket : std::uint64_t { done = 0 };

class NETMEM_EXPORT CopyEngine {
 public:
  virtual ~CopyEngine() = default;

  // All of the batch has happened when they return. A range that leaves its page, or a page that the engine cannot
  // reach, is refused before anything is copied.
  virtual Result<void> copy_in(std::span<const CopyIn> batch) = 0;
  virtual Result<void> copy_out(std::span<const CopyOut> batch) = 0;

  // Starts and returns; refuses what copy_in refuses, and then nothing of the batch is under way. `done` needs no poll,
  // but allows one.
  virtual Result<CopyTicket> begin_copy_in(std::span<const CopyIn> batch);
  // Puts the pieces side by side at the destination, in order: one launch, however many they are. Refused: a piece that
  // leaves its page, pieces that are not as many bytes as the destination, what the engine cannot reach.
  // REQUIRES: destination and pieces do not overlap.
  virtual Result<CopyTicket> begin_gather(std::span<const GatherPiece> pieces, const Destination& to);
  // CRC-32C of each piece (netmem/base/crc32c.h), written to as many `crcs` when the ticket is done. Refused: as
  // copy_out. An engine that has no better way copies the bytes out.
  virtual Result<CopyTicket> begin_crc32c(std::span<const GatherPiece> pieces, std::span<std::uint32_t> crcs);
  // That the device computes them, and not the CPU.
  [[nodiscard]] virtual bool digests_on_device() const { return false; }
  // True: done. Never blocks. REQUIRES: the ticket has not ended; one thread at a time asks for one ticket.
  virtual Result<bool> poll(CopyTicket ticket);
  virtual Result<void> wait(CopyTicket ticket);
};

}  // namespace netmem
