// The page pool: packet buffers for one receive queue, allocated and recycled in a few instructions.
//
//                 try_alloc                         drop, recycle (consumer)
//   program <---- cache (128, a stack) <---------------------------------------- program
//                   ^ refill, 64 at once            cache full: the consumer's lane of the ring, no atomics;
//                   |                               64 of them at once into the ring
//                 return ring <------------------------------------------------- other threads: drop
//                   ^ empty: grant, 64 at once      ring full, transient, shared, detached
//                 memory provider <--------------------------------------------- any thread (reclaim)
//
// One thread, the consumer, allocates and owns the cache: the first that allocates, until set_consumer(). Dropping
// needs no pointer to the pool: a page knows its owner. The words and counters are Linux page_pool's
// (Documentation/networking/page_pool.rst, net/core/page_pool.c).
//
// Threads: each function says "consumer" or "any".
// Invariants, at a quiet moment (audit() recounts them):
//  1. hold - release = cached + in ring + in fragments + inflight.
//  2. The pages whose owner is this pool are hold - release many, and no handle is in cache and ring twice.
//  3. handed out = fast + refill + slow + slow_high_order = cached + brought in by refills - in the cache.
// A pool that is destroyed with pages in flight lives on, without a handle, until the last of them comes home.
// A pool belongs to the process that created it. In a child of fork() an allocation stops the program; destroying the
// pool there does nothing, and the parent notices nothing of pages that the child drops.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "netmem/base/atomic.h"
#include "netmem/base/error.h"
#include "netmem/base/fork.h"
#include "netmem/core/memory_provider.h"
#include "netmem/core/page.h"
#include "netmem/core/page_owner.h"
#include "netmem/ring/return_ring.h"

namespace netmem {

class PoolObserver;

// The eleven counters of Linux page_pool (struct page_pool_alloc_stats and page_pool_recycle_stats), by their names.
struct PoolCounters {
  std::uint64_t fast = 0;             // pages allocated from the cache
  std::uint64_t slow = 0;             // allocations that went to the provider for 4 KiB pages
  std::uint64_t slow_high_order = 0;  // the same, for larger pages
  std::uint64_t empty = 0;            // allocations that found the return ring empty, too
  std::uint64_t refill = 0;           // allocations that refilled the cache from the ring
  std::uint64_t waive = 0;            // pages from the ring that were on the wrong NUMA node
  std::uint64_t cached = 0;           // pages recycled into the cache
  std::uint64_t cache_full = 0;       // pages for which the cache had no room
  std::uint64_t ring = 0;             // pages recycled into the ring
  std::uint64_t ring_full = 0;        // pages for which the ring had no room: back to the provider
  std::uint64_t released_refcnt = 0;  // pages recycled while others still held them: back to the provider
  // netmem's own.
  std::uint64_t failed = 0;     // allocations that came back empty
  std::uint64_t fragments = 0;  // fragments handed out
  std::uint64_t hold = 0;       // pages taken from the provider
  std::uint64_t release = 0;    // pages given back to it, or disconnected
  std::uint64_t in_cache = 0;   // pages in the cache and in the ring now
  std::uint64_t in_ring = 0;
  [[nodiscard]] std::uint64_t handed_out() const { return fast + refill + slow + slow_high_order; }
  // Pages with the program (the partly handed out fragment page included).
  [[nodiscard]] std::int64_t inflight() const {
    return static_cast<std::int64_t>(hold) - static_cast<std::int64_t>(release + in_cache + in_ring);
  }
};

struct PoolOptions {
  std::string name = "pool";
  // Slots of the return ring; rounded up to a power of two, at most 2^24. The consumer's lane has as many again, but at
  // most 64.
  std::size_t ring_size = 1024;
  // Pages from another NUMA node are given back instead of being recycled. -1: any node will do. Host memory only.
  int numa_node = -1;
  // PP_FLAG_DMA_SYNC_DEV: when a page is recycled, the first bytes of [dma_offset, dma_offset + dma_max_len) are synced
  // for the device: as many as the caller of recycle() says were touched. Host memory with a DMA device only.
  bool dma_sync = false;
  std::uint32_t dma_offset = 0;
  std::uint32_t dma_max_len = 0;
  // PP_FLAG_ALLOW_UNREADABLE_NETMEM: the program says that it never reads payload through the CPU. Required for device
  // memory.
  bool allow_unreadable = false;
  // Is told of the pool's life (netmem/observe/registry.h lists pools and watches for a stalled end). May be null.
  std::shared_ptr<PoolObserver> observer = {};
};

// A part of a page with a reference of its own; give it back with drop(netmem).
struct Fragment {
  Netmem netmem;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  explicit operator bool() const { return static_cast<bool>(netmem); }
};

class PagePool;
struct DetachPool {
  NETMEM_EXPORT void operator()(PagePool* pool) const noexcept;
};
// Destroying it detaches the pool. REQUIRES: this is the consumer's thread, or what the consumer's thread did last with
// the pool or with its pages (dropping them included) happened before. A page that is dropped on the consumer's thread
// at the same time may be lost; the debug build stops the program.
using PagePoolPtr = std::unique_ptr<PagePool, DetachPool>;

class NETMEM_EXPORT PagePool final : public PageOwner {
 public:
  static constexpr std::uint32_t kWholePage = ~std::uint32_t{0};
  static constexpr std::uint32_t kFragmentAlignment = 64;

  // Refuses, by name, options that make no sense for the provider's memory.
  static Result<PagePoolPtr> create(std::shared_ptr<MemoryProvider> provider, PoolOptions options = {});

  // Consumer. One page, or empty when cache, ring and provider have none. Its contents are undefined.
  [[nodiscard]] Netmem try_alloc() noexcept {
    Netmem page;
    return try_take(page) ? page : alloc_slow();
  }
  // Consumer. Fills the front of `out`; how many.
  [[nodiscard]] std::size_t try_alloc(std::span<Netmem> out) noexcept;

  // Consumer. `size` bytes (1 to the page size) of a page that other fragments share, at a multiple of 64.
  [[nodiscard]] Fragment try_alloc_fragment(std::uint32_t size) noexcept;
  // Consumer. The same as drop(page) for one of this pool's fragments, without an atomic while its page is still being
  // cut.
  void recycle_fragment(Netmem page) noexcept {
    if (page == fragmented_ && fragments_out_ != 0) [[likely]] {
      --fragments_out_;
      return;
    }
    drop(page);
  }
  // Consumer. Gives up the rest of the page that fragments are cut from.
  void flush_fragments() noexcept;

  // Consumer. The whole page is free again; the caller was its only holder, or else the page leaves the pool for the
  // provider when the last holder drops it (released_refcnt). `touched`: how many bytes the device must see synced.
  // REQUIRES: the page is this pool's, and no fragment of it was kept.
  void recycle(Netmem page, std::uint32_t touched = kWholePage) noexcept {
    if (try_put(page)) [[likely]]
      return;
    recycle_slow(page, touched);
  }
  // Consumer. The same for each of them.
  void recycle(std::span<const Netmem> pages) noexcept;

  // Any thread. Past the cache into the return ring, as a drop on a thread that is not the consumer does, or a full
  // cache. REQUIRES: the caller is the page's sole owner.
  void recycle_to_ring(Netmem page) noexcept;
  // Any thread. The caller keeps its reference, but the page belongs to no pool any more: its last drop returns it to
  // the provider.
  void disconnect(Netmem page) noexcept;
  // Consumer. Ends the life of a page that the caller alone holds, and goes on holding: the handle of its next one.
  // Empty, and nothing done, where somebody else holds it too, or it is not this pool's.
  [[nodiscard]] Netmem renew(Netmem page) noexcept {
    return begins_next_life<true>(page) ? page.next_generation() : Netmem();
  }
  // Any thread. Straight back to the provider. REQUIRES: the caller is the page's sole owner.
  void release(Netmem page) noexcept;

  // Any thread, before the CPU reads `size` bytes at `offset` that the device wrote (page_pool_dma_sync_for_cpu):
  // counted from dma_offset on. Nothing without dma_sync.
  void sync_for_cpu(Netmem page, std::uint32_t offset, std::uint32_t size) const noexcept;

  // Consumer. The preferred NUMA node from now on (page_pool_update_nid); -1: any.
  void set_numa_node(int node) noexcept;
  // The calling thread is the consumer from now on. REQUIRES: what the thread that was the consumer did last with the
  // pool or with its pages (dropping them included) happened before. From now on that thread may drop pages like any
  // other.
  void set_consumer() noexcept;

  // Any thread, at any time.
  [[nodiscard]] PoolCounters counters() const noexcept;
  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const PoolOptions& options() const { return options_; }
  [[nodiscard]] MemoryProvider& provider() const { return *provider_; }
  [[nodiscard]] std::size_t page_size() const { return std::size_t{1} << page_shift_; }
  [[nodiscard]] bool detached() const { return ring_.closed(); }
  [[nodiscard]] std::chrono::steady_clock::time_point created() const { return created_; }

  // Consumer, with no other thread using pages of the pool: recounts everything and says what does not add up.
  [[nodiscard]] Result<void> audit() const;

  // Any thread: bytes that the pool itself uses, descriptors not included.
  [[nodiscard]] std::size_t bookkeeping() const;

  std::size_t put_aside(std::span<const Netmem> pages) noexcept override;
  void take_home(std::span<const Netmem> pages) noexcept override;
  void take_home_transient(Netmem page) noexcept override;
  [[nodiscard]] const char* owner_name() const noexcept override { return options_.name.c_str(); }

 private:
  friend struct DetachPool;

  PagePool(std::shared_ptr<MemoryProvider> provider, PoolOptions options);
  ~PagePool() override;

  Netmem alloc_slow() noexcept;
  void recycle_slow(Netmem page, std::uint32_t touched) noexcept;
  void check_consumer() noexcept;
  std::size_t refill_and_take(std::span<Netmem> out) noexcept;
  static void pause_starved() noexcept;
  std::size_t pop_home(std::span<Netmem> out) noexcept;
  bool refill_from_lane() noexcept;
  bool refill_from_ring() noexcept;
  bool refill_from_provider() noexcept;
  void adopt(std::span<const Netmem> pages) noexcept;
  void bring_in(std::span<const Netmem> pages) noexcept;
  bool bring_in_recycled(std::span<Netmem> pages) noexcept;
  [[nodiscard]] bool on_wrong_node(Netmem page) const noexcept;
  bool begin_fragments() noexcept;
  Netmem drain_fragments() noexcept;
  void sync_for_device(Netmem page, std::uint32_t touched) noexcept;
  void recycle_sole(Netmem page, std::uint32_t touched) noexcept;
  void to_lane(Netmem page) noexcept;
  std::size_t make_room_in_lane() noexcept;
  void flush_lane() noexcept;
  void to_ring(std::span<const Netmem> pages) noexcept;
  void to_provider(std::span<const Netmem> pages) noexcept;  // ends the pages' lives
  void reclaim(std::span<const Netmem> pages) noexcept;      // of pages whose lives have ended
  Netmem end_life_here(Netmem page) noexcept;
  void count_released(std::uint64_t count) noexcept;
  void add_released(std::uint64_t count) noexcept;
  [[nodiscard]] std::uint64_t released(std::uint64_t hold) const noexcept;
  [[nodiscard]] bool was_forked() const noexcept { return fork_count() != process_; }
  void forget_parents_pages() noexcept;
  struct CacheBooks {
    std::uint64_t cached;
    std::uint64_t in_cache;
    std::uint64_t handed_out;
  };
  [[nodiscard]] CacheBooks read_cache() const noexcept;
  static void forget_sync(Netmem page) noexcept;
  void detach() noexcept;
  void empty_cache() noexcept;

  // What released_ reaches when a detached pool's last page is home; whoever gets it there deletes the pool. detach()
  // adds what makes it this constant, so that nobody has to look at the pool after giving up the page that kept it
  // alive.
  static constexpr std::uint64_t kAllHome = std::uint64_t{1} << 62;

  // The consumer's, after the cache of PageOwner; read by any thread.
  struct ConsumerCounters {
    SingleWriter<std::uint64_t> slow, slow_high_order, empty, refill, waive, cache_full, failed, fragments, hold;
    SingleWriter<std::uint64_t> version;     // odd while a refill changes brought_in and the cache's height (a seqlock)
    SingleWriter<std::uint64_t> brought_in;  // pages that refills put into the cache
    SingleWriter<std::uint64_t> taken_out;   // pages that left the cache without being handed out
    SingleWriter<std::uint64_t> released;    // pages that the consumer itself gave back; until the pool is detached
    SingleWriter<std::uint64_t> lane_puts, lane_flushes;  // pages put into the lane, and moved on to the ring
  };
  // References that the pool holds of the page it cuts fragments from, beyond any number of fragments.
  static constexpr std::uint32_t kFragmentBias = 1U << 25;
  static_assert(kFragmentBias > (std::size_t{1} << kLargestPageShift) / kFragmentAlignment);
  static_assert(kFragmentBias <= Descriptor::kCountMask / 4, "programs share fragments");

  ConsumerCounters mine_;
  // The consumer's lane of the return ring: pages at home already, their next handles, oldest first.
  SingleWriter<std::uint64_t> in_lane_;
  std::array<Netmem, kCacheRefill> lane_;
  int numa_node_;
  Netmem fragmented_;                  // the page that fragments are cut from, or empty
  std::uint32_t fragments_out_ = 0;    // handed out of it less recycled by the consumer
  std::uint32_t fragment_offset_ = 0;  // where the next one begins

  // Read by all, written at creation.
  alignas(64) ReturnRing ring_;
  std::shared_ptr<MemoryProvider> provider_;
  PoolOptions options_;
  unsigned page_shift_;
  std::size_t grant_batch_;
  std::chrono::steady_clock::time_point created_;
  std::uint32_t process_ = fork_count();
  ForkWatch fork_watch_;

  // Any thread's, on slow paths.
  alignas(64) Atomic<std::uint64_t> released_{0};
  Atomic<std::uint64_t> ring_full_{0};
  Atomic<std::uint64_t> released_refcnt_{0};
};

}  // namespace netmem
