// Puts the bytes of views side by side: what arrived in scattered fragments becomes one piece of the device's memory,
// with one launch on the device that the views are of.
//
//   netmem::Gather gather;
//   const netmem::Destination tensor{.address = device_pointer, .size = message_size};
//   if (auto begun = gather.begin(views, tensor); !begun) return begun;  // the views are still yours
//   if (auto done = gather.wait(); !done) return done;                   // or poll() between other work
//   // The bytes are there and the pages on their way home; the next begin() may follow.
//
// One object holds one gather at a time and takes no memory once it has held one as large; for several at a time have
// several.
// Threads: one at a time. The last drops of pages happen where begin, poll and wait are called: best on the consumer.
// Invariants:
//  1. The views are this object's from a begin() that succeeds until the bytes are there or it is known that they will
//     not be; then they are dropped, once, all together.
#pragma once

#include <span>
#include <vector>

#include "netmem/core/copy_engine.h"
#include "netmem/core/page.h"

namespace netmem {

class MemoryProvider;

class NETMEM_EXPORT Gather {
 public:
  Gather() = default;
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;
  // Waits for what is under way.
  ~Gather();

  // Takes the views over, in their order, and starts; refused, it leaves them as they were and copies nothing. The
  // views must be of one provider's memory, and as many bytes as the destination; what can be a destination is in
  // docs/gather.md. REQUIRES: nothing is under way; destination and views do not overlap.
  Result<void> begin(std::span<View> views, const Destination& to);

  // True: nothing is under way any more. An error is told once; the views are dropped all the same. poll never blocks.
  Result<bool> poll();
  Result<void> wait();

  [[nodiscard]] bool under_way() const { return ticket_ != CopyTicket::done; }

 private:
  void release();

  std::vector<GatherPiece> pieces_;  // of begin(), while it runs; the memory is used again
  std::vector<Netmem> pages_;        // what is to be dropped
  CopyEngine* engine_ = nullptr;     // stays as long as pages of its provider are held
  CopyTicket ticket_ = CopyTicket::done;
};

}  // namespace netmem
