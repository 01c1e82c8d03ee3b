// What one thread does with a pool. The first three are page_pool01 to 03 of the kernel's bench_page_pool_simple
// (tools/testing/selftests/net/bench/page_pool of Linux 6.16). The loops are functions of their own, so that an
// instruction counter can be switched on for exactly one of them.

#include <algorithm>
#include <array>
#include <bit>

#include "bench/loops/loops.h"
#include "bench/loops/memory.h"
#include "netmem/base/units.h"
#include "netmem/core/reference.h"

namespace netmem::bench {
namespace {

using Body = void (*)(PagePool& pool, std::uint64_t elements);

[[gnu::noinline]] void page_pool01_fast_path(PagePool& pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool.try_alloc();
    touch(page);
    pool.recycle(page);
  }
}

[[gnu::noinline]] void page_pool02_ptr_ring(PagePool& pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool.try_alloc();
    touch(page);
    pool.recycle_to_ring(page);
  }
}

[[gnu::noinline]] void page_pool03_slow(PagePool& pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool.try_alloc();
    touch(page);
    pool.release(page);
  }
}

[[gnu::noinline]] void alloc_drop(PagePool& pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool.try_alloc();
    touch(page);
    drop(page);
  }
}

[[gnu::noinline]] void burst_64(PagePool& pool, std::uint64_t elements) {
  std::array<Netmem, 64> pages;
  for (std::uint64_t done = 0; done < elements; done += pages.size()) {
    for (Netmem& page : pages) page = pool.try_alloc();
    Netmem* taken = pages.data();
    touch(taken);
    for (const Netmem page : pages) pool.recycle(page);
  }
}

template <std::size_t Batch>
[[gnu::noinline]] void bulk(PagePool& pool, std::uint64_t elements) {
  std::array<Netmem, Batch> pages;
  for (std::uint64_t done = 0; done < elements; done += Batch) {
    const std::size_t count = pool.try_alloc(pages);
    pool.recycle(std::span<const Netmem>(pages.data(), count));
  }
}

[[gnu::noinline]] void bulk_drop_64(PagePool& pool, std::uint64_t elements) {
  std::array<Netmem, 64> pages;
  for (std::uint64_t done = 0; done < elements; done += pages.size()) {
    const std::size_t count = pool.try_alloc(pages);
    drop(std::span<const Netmem>(pages.data(), count));
  }
}

template <std::uint32_t Size>
[[gnu::noinline]] void fragment(PagePool& pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool.try_alloc_fragment(Size).netmem;
    touch(page);
    pool.recycle_fragment(page);
  }
}

template <int References>
[[gnu::noinline]] void shared(PagePool& pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool.try_alloc();
    touch(page);
    for (int more = 1; more < References; ++more) retain(page);
    for (int held = 0; held < References; ++held) drop(page);
  }
}

[[gnu::noinline]] void page_size(PagePool& pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Netmem page = pool.try_alloc();
    touch(page);
    pool.recycle(page);
    page = pool.try_alloc();
    touch(page);
    pool.recycle_to_ring(page);
  }
}

class PoolLoop final : public Loop {
 public:
  // As many pages are in cache and ring, whatever their size and however many the provider grants at once.
  PoolLoop(PagePoolPtr pool, Body body) : pool_(std::move(pool)), body_(body) {
    std::array<Netmem, kCacheRefill> pages;
    drop(std::span<const Netmem>(pages.data(), pool_->try_alloc(pages)));
  }
  Sample run(std::uint64_t elements) override {
    return timed([&] { body_(*pool_, elements); });
  }

 private:
  PagePoolPtr pool_;
  Body body_;
};

// What pool, regions and provider keep; the pages themselves not included.
double bookkeeping_per_page(const PagePool& pool) {
  std::size_t bytes = pool.bookkeeping();
  std::size_t pages = 0;
  pool.provider().visit_regions([&](const Region& region) {
    bytes += region.bookkeeping() + sizeof(Region);
    pages += region.page_count();
  });
  bytes += pages * sizeof(std::uint32_t);  // netmem/providers/common/free_list.h: a number for every page, free or not
  return static_cast<double>(bytes) / static_cast<double>(pages);
}

// All pages are with the program, which recycles the oldest 64 and takes 64 again: each page has its turn.
class PoolOfMany final : public Loop {
 public:
  PoolOfMany(PagePoolPtr pool, std::uint64_t pages) : pool_(std::move(pool)), pages_(pages) {
    const std::size_t taken = pool_->try_alloc(pages_);
    NETMEM_CHECK(taken == pages && taken % kTurn == 0, "a pool of %zu pages gave %zu", static_cast<std::size_t>(pages),
                 taken);
  }
  ~PoolOfMany() override { drop(std::span<const Netmem>(pages_)); }

  Sample run(std::uint64_t elements) override {
    return timed([&] { next_ = turn(*pool_, pages_, next_, elements); });
  }
  [[nodiscard]] double bookkeeping_per_page() const override { return bench::bookkeeping_per_page(*pool_); }

 private:
  static constexpr std::size_t kTurn = 64;

  [[gnu::noinline]] static std::size_t turn(PagePool& pool, std::span<Netmem> pages, std::size_t next,
                                            std::uint64_t elements) {
    for (std::uint64_t done = 0; done < elements; done += kTurn) {
      const std::span<Netmem> oldest = pages.subspan(next, kTurn);
      for (const Netmem page : oldest) pool.recycle(page);
      for (Netmem& page : oldest) page = pool.try_alloc();
      next = next + kTurn == pages.size() ? 0 : next + kTurn;
    }
    return next;
  }

  PagePoolPtr pool_;
  std::vector<Netmem> pages_;
  std::size_t next_ = 0;
};

struct Work {
  const char* group;
  const char* element;
  std::uint64_t batch;
  Body body;
};

constexpr Work kFastPath = {"page_pool01_fast_path", "taken from the pool and recycled, on the consumer", 1,
                            page_pool01_fast_path};
constexpr Work kBulk64 = {"bulk_64", "taken and recycled with its whole batch", 64, bulk<64>};

constexpr Work kWork[] = {
    {"page_pool02_ptr_ring", "taken, and back through the return ring", 1, page_pool02_ptr_ring},
    {"page_pool03_slow", "taken, and back to the provider", 1, page_pool03_slow},
    {"alloc_drop", "taken and dropped, on the consumer", 1, alloc_drop},
    {"burst_64", "64 taken one by one, then recycled one by one", 64, burst_64},
    {"bulk_8", "taken and recycled with its whole batch", 8, bulk<8>},
    {"bulk_32", "taken and recycled with its whole batch", 32, bulk<32>},
    {"bulk_drop_64", "taken and dropped with its whole batch, of whatever pools", 64, bulk_drop_64},
    {"fragment_2048", "2048 bytes of a page, taken and recycled", 1, fragment<2048>},
    {"fragment_256", "256 bytes of a page, taken and recycled", 1, fragment<256>},
    {"shared_2", "a page taken, retained once and dropped twice", 1, shared<2>},
    {"shared_8", "a page taken, retained 7 times and dropped 8 times", 1, shared<8>},
};

constexpr std::uint64_t kPages = 1024;

std::string named(const std::string& group, MemoryKind kind) { return group + "/" + std::string(slug(kind)); }

LoopSpec pool_loop(const std::shared_ptr<Memories>& memories, const Work& work, MemoryKind kind,
                   std::uint64_t pages = kPages, std::uint64_t size = 4 * KiB) {
  const auto make = [memories, kind, pages, size, body = work.body]() -> MadeLoop {
    auto pool = memories->make_pool(kind, pages, size);
    if (!pool) return std::unexpected(pool.error());
    return std::make_unique<PoolLoop>(std::move(*pool), body);
  };
  return {.name = named(work.group, kind),
          .group = work.group,
          .subject = std::string(subject(kind)),
          .element = work.element,
          .batch = work.batch,
          .pages = pages,
          .page_size = size,
          .make = make};
}

void add_page_sizes(LoopList& all, const std::shared_ptr<Memories>& memories) {
  for (std::uint64_t size = 4 * KiB; size <= 2 * MiB; size *= 2) {
    const std::string group = "page_size_" + short_number(size);
    const Work work = {group.c_str(), "taken and recycled on the consumer, then taken and back through the return ring",
                       1, page_size};
    for (const MemoryKind kind : kEveryKind) all.push_back(pool_loop(memories, work, kind, kCacheRefill, size));
  }
}

LoopSpec pool_of(const std::shared_ptr<Memories>& memories, std::uint64_t pages, MemoryKind kind) {
  const std::string group = "pool_of_" + short_number(pages);
  const auto make = [memories, kind, pages]() -> MadeLoop {
    auto pool = memories->make_pool(kind, pages, 4 * KiB);
    if (!pool) return std::unexpected(pool.error());
    return std::make_unique<PoolOfMany>(std::move(*pool), pages);
  };
  return {.name = named(group, kind),
          .group = group,
          .subject = std::string(subject(kind)),
          .element = "recycled one by one, the 64 oldest of a program that holds the whole pool, and taken again",
          .batch = 64,
          .pages = pages,
          .page_size = 4 * KiB,
          .make = make};
}

}  // namespace

LoopList pool_loops() {
  const auto memories = std::make_shared<Memories>();
  LoopList all;
  for (const MemoryKind kind : kEveryKind) all.push_back(pool_loop(memories, kFastPath, kind));
  for (const Work& work : kWork)
    for (const MemoryKind kind : kCommonKinds) all.push_back(pool_loop(memories, work, kind));
  for (const MemoryKind kind : kEveryKind) all.push_back(pool_loop(memories, kBulk64, kind));
  add_page_sizes(all, memories);
  for (const std::uint64_t pages : kPoolSizes)
    for (const MemoryKind kind : kCommonKinds) all.push_back(pool_of(memories, pages, kind));
  return all;
}

LoopList pool_loops_on(std::string name,
                       Result<std::shared_ptr<MemoryProvider>> (*memory)(std::size_t size, std::size_t page_size)) {
  LoopList all;
  const auto add = [&](const Work& work) {
    const auto make = [memory, name, body = work.body]() -> MadeLoop {
      auto provider = memory(kPages * 4 * KiB, 4 * KiB);
      if (!provider) return std::unexpected(provider.error());
      auto pool = PagePool::create(std::move(*provider),
                                   {.name = "bench " + name, .ring_size = kPages, .allow_unreadable = true});
      if (!pool) return std::unexpected(pool.error());
      return std::make_unique<PoolLoop>(std::move(*pool), body);
    };
    all.push_back({.name = std::string(work.group) + "/" + name,
                   .group = work.group,
                   .subject = "netmem, " + name,
                   .element = work.element,
                   .batch = work.batch,
                   .pages = kPages,
                   .page_size = 4 * KiB,
                   .make = make});
  };
  add(kFastPath);
  for (const Work& work : kWork) add(work);
  add(kBulk64);
  return all;
}

}  // namespace netmem::bench
