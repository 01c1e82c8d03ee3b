// The handle: one page of any memory in 8 bytes, and the descriptor that it points to.
//
//   handle    63........48 47.....................5 4 3 2 1 0
//             generation   descriptor address       . | | | `-- 1: device memory (a net_iov), 0: a host page
//                                                     | | `---- used by ReturnRing while the handle is in one
//                                                     | `------ in a page's life: look at its references first
//                                                     `-------- used by XdpFrames in its books
//
// Descriptors live in blocks of 4 KiB outside the memory that they describe. The first half of a block is what every
// thread that drops a page reads and, in the usual case, none writes; the second half holds the pages' lives, which the
// consumer alone writes. A page's generation goes up each time it goes home, so a handle from before that is
// recognised: the life says which handle is the current one.
//
// Threads: a handle is a value. What a function does with it says who may call it.
// Invariants:
//  1. sizeof(Netmem) == 8; a descriptor is half a cache line and never straddles one.
//  2. A page at rest has refs == 1 (plus its flags): alloc and the last drop of a sole owner write nothing in the first
//     half.
//  3. A handle is current when it equals its page's life, kLookBit aside.
//  4. A life without kLookBit means refs == 1 and no flags: the usual way home needs to look at nothing else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "netmem/base/atomic.h"
#include "netmem/base/export.h"
#include "netmem/base/single_writer.h"

namespace netmem {

class PageOwner;
class Region;

// User-space addresses that fit the handle: x86-64 and arm64 give programs no more unless they ask for it.
inline constexpr unsigned kAddressBits = 48;

// A page's current handle, and kLookBit. Padded so that it stands at a fixed distance from its descriptor.
struct alignas(32) PageLife {
  SingleWriter<std::uint64_t> current;
};

struct alignas(32) Descriptor {
  static constexpr std::uint32_t kCountMask = 0x0fff'ffff;
  static constexpr std::uint32_t kSynced = 0x2000'0000;     // its pool syncs it for the device on the way home
  static constexpr std::uint32_t kTransient = 0x4000'0000;  // never recycled: the last drop returns it to the provider
  static constexpr std::uint32_t kDisconnected = 0x8000'0000;  // belongs to no pool any more
  static constexpr std::size_t kLifeDistance = 2048;

  Atomic<std::uint32_t> refs;  // references (fragments) in the low bits, flags in the high ones
  std::uint32_t index;         // of the page in its region
  Plain<PageOwner*> owner;     // the pool that holds the page; no_owner() at the provider
  std::uint64_t address;       // host: where the CPU finds it. device: the device's own address
  std::uint64_t dma_address;   // what the DMA device calls it; 0 when no device is registered

  [[nodiscard]] PageLife& life() {
    return *reinterpret_cast<PageLife*>(reinterpret_cast<std::byte*>(this) + kLifeDistance);
  }
};
static_assert(sizeof(Descriptor) == 32);

struct alignas(4096) DescriptorBlock {
  static constexpr std::size_t kPages = 63;

  Descriptor pages[kPages];
  alignas(32) Region* region;
  PageLife lives[kPages + 1];

  static DescriptorBlock& of(const Descriptor& page) {
    return *reinterpret_cast<DescriptorBlock*>(reinterpret_cast<std::uintptr_t>(&page) & ~std::uintptr_t{4095});
  }
};
static_assert(sizeof(DescriptorBlock) == 4096);
static_assert(offsetof(DescriptorBlock, lives) == Descriptor::kLifeDistance);

class Netmem {
 public:
#ifdef NETMEM_EXPERIMENT_HOST_ONLY  // netmem/core/experiment.h
  static constexpr std::uint64_t kDeviceBit = 0;
#else
  static constexpr std::uint64_t kDeviceBit = 1;
#endif
  static constexpr std::uint64_t kLookBit = 4;
  static constexpr unsigned kGenerationShift = kAddressBits;
  static constexpr std::uint64_t kOneGeneration = std::uint64_t{1} << kGenerationShift;

  constexpr Netmem() = default;
  static constexpr Netmem from_bits(std::uint64_t bits) {
    Netmem page;
    page.bits_ = bits;
    return page;
  }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }

  constexpr explicit operator bool() const { return bits_ != 0; }
  friend constexpr bool operator==(Netmem, Netmem) = default;

  // No memory access: an edge can ask this without a cache miss.
  [[nodiscard]] constexpr bool is_device() const { return (bits_ & kDeviceBit) != 0; }
  [[nodiscard]] constexpr std::uint16_t generation() const {
    return static_cast<std::uint16_t>(bits_ >> kGenerationShift);
  }

  // REQUIRES for all below: not empty.
  [[nodiscard]] Descriptor& descriptor() const {
    constexpr std::uint64_t kMask = (kOneGeneration - 1) & ~std::uint64_t{31};
    return *reinterpret_cast<Descriptor*>(bits_ & kMask);
  }
  [[nodiscard]] SingleWriter<std::uint64_t>& life() const { return descriptor().life().current; }
  [[nodiscard]] bool current() const { return (life().read() & ~kLookBit) == bits_; }
  [[nodiscard]] Region& region() const { return *DescriptorBlock::of(descriptor()).region; }
  [[nodiscard]] std::uint32_t index() const { return descriptor().index; }
  [[nodiscard]] std::uint64_t dma_address() const { return descriptor().dma_address; }
  // The handle that is current once the page has gone home.
  [[nodiscard]] constexpr Netmem next_generation() const { return from_bits(bits_ + kOneGeneration); }

 private:
  std::uint64_t bits_ = 0;
};
static_assert(sizeof(Netmem) == 8);

// What the caller did with a handle that is not current, or dropped too often; stops the program with page, region,
// pool, generations and references.
[[noreturn, gnu::cold]] NETMEM_EXPORT void report_misuse(Netmem page, const char* what);

}  // namespace netmem
