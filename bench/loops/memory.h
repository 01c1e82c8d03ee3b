// The memory that the pool's loops run on, by the names that the loops carry.
//
// Threads: one. Invariant: loops on 1 GiB pages share them; a page is taken when the first of them is made.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loops/loop.h"
#include "netmem/core/memory_provider.h"
#include "netmem/pool/page_pool.h"

namespace netmem {
class Huge1G;
}

namespace netmem::bench {

enum class MemoryKind { host, device, huge, huge_1g };

inline constexpr MemoryKind kEveryKind[] = {MemoryKind::host, MemoryKind::device, MemoryKind::huge,
                                            MemoryKind::huge_1g};
inline constexpr MemoryKind kCommonKinds[] = {MemoryKind::host, MemoryKind::device};

// What stands behind the slash of a loop's name, and who does the work.
std::string_view slug(MemoryKind kind);
std::string_view subject(MemoryKind kind);

// Of the loops pool_of_64 to pool_of_1M.
inline constexpr std::uint64_t kPoolSizes[] = {64, 1 << 10, 16 << 10, 256 << 10, 1 << 20};

// "4K", "2M" of 4096 and 2097152; of counts, too.
std::string short_number(std::uint64_t number);

class Memories {
 public:
  // None of it is touched, so none of it is backed but huge pages.
  Result<std::shared_ptr<MemoryProvider>> make(MemoryKind kind, std::uint64_t pages, std::uint64_t page_size);
  // A pool of its own for a loop, with a return ring that has room for every page.
  Result<PagePoolPtr> make_pool(MemoryKind kind, std::uint64_t pages, std::uint64_t page_size);

 private:
  Result<std::shared_ptr<MemoryProvider>> slice(std::uint64_t size, std::uint64_t page_size);

  std::weak_ptr<Huge1G> shared_;
};

}  // namespace netmem::bench
