// The end of a pool, shared pages and fragments, under every order of accesses that the memory model allows.
//
// The first thread is the pool's consumer, as setup is.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "netmem/core/reference.h"
#include "netmem/pool/page_pool.h"
#include "tests/weak/checker.h"
#include "tests/weak/explored.h"

namespace netmem::weak {
namespace {

constexpr std::size_t kPages = 4;

// Grants one page at a time: its pages are large. Without `locked` it orders nothing between the threads that give
// pages back, as little as a provider may; then nobody may be granted pages while others give some back.
class WeakProvider final : public MemoryProvider {
 public:
  explicit WeakProvider(bool locked = false) : locked_(locked) {
    region_ =
        Region::create(
            *this, {.name = "weak", .address = std::uint64_t{1} << 32, .size = kPages << kShift, .page_shift = kShift})
            .value();
    for (std::uint32_t i = 0; i < kPages; ++i) free_[i] = i;
    free_count_ = kPages;
  }

  std::size_t grant(std::span<Netmem> out) noexcept override {
    lock();
    const bool any = free_count_ != 0;
    const std::uint32_t index = any ? free_[--free_count_] : 0;
    unlock();
    if (any) out[0] = region_->page(index);
    return any ? 1 : 0;
  }
  void reclaim(std::span<const Netmem> pages) noexcept override {
    for (const Netmem page : pages) {
      require(page.descriptor().refs.load(std::memory_order_relaxed) == 1, "a page comes back with one reference");
      require(page.current(), "a page comes back with its next handle");
    }
    lock();
    for (const Netmem page : pages) {
      require(free_count_ < kPages, "no more pages come back than were granted");
      free_[free_count_++] = page.index();
      ++came_back_[page.index()];
    }
    unlock();
  }
  [[nodiscard]] std::string name() const override { return "weak"; }
  [[nodiscard]] std::string describe() const override { return "weak"; }
  [[nodiscard]] unsigned page_shift() const override { return kShift; }
  [[nodiscard]] bool is_device() const override { return false; }
  void visit_regions(const RegionVisitor& visit) const override { visit(*region_); }
  [[nodiscard]] std::size_t free_pages() const override { return free_count_; }
  [[nodiscard]] CopyEngine& copy_engine() override { std::abort(); }

  [[nodiscard]] int came_back(Netmem page) const { return came_back_[page.index()]; }

 private:
  static constexpr unsigned kShift = 21;

  void lock() {
    if (locked_) lock_.lock();
  }
  void unlock() {
    if (locked_) lock_.unlock();
  }

  bool locked_;
  Lock lock_;
  std::unique_ptr<Region> region_;
  std::array<std::uint32_t, kPages> free_{};
  std::size_t free_count_ = 0;
  std::array<int, kPages> came_back_{};
};

struct World {
  explicit World(std::size_t ring_size, bool locked = false)
      : provider(std::make_shared<WeakProvider>(locked)),
        pool(PagePool::create(provider, {.name = "weak", .ring_size = ring_size}).value().release()) {}

  std::shared_ptr<WeakProvider> provider;
  PagePool* pool;
  std::array<Netmem, kPages> pages;

  void alloc(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) require(static_cast<bool>(pages[i] = pool->try_alloc()), "setup allocates");
  }
  void end_pool() { DetachPool{}(pool); }

  // Everything of the pool is gone, and each of so many pages came back once.
  void require_ended(std::size_t count) const {
    require(is_freed(pool), "the pool has ended");
    require(provider->free_pages() == kPages, "all pages are free");
    for (std::size_t i = 0; i < count; ++i) require(provider->came_back(pages[i]) == 1, "a page comes back once");
  }
  // The pool lives, and has so many pages in cache and ring.
  void require_at_rest(std::size_t count, std::size_t in_flight = 0) const {
    const PoolCounters c = pool->counters();
    require(!is_freed(pool), "the pool lives");
    require(c.hold - c.release == count + in_flight && c.in_cache + c.in_ring == count,
            "the pages are in cache and ring");
  }
};

Netmem again(Netmem page) { return page.region().page(page.index()); }

// ---- the end of a pool ----

TEST(WeakPool, EndsWithTheLastOfThePagesThatTwoThreadsDrop) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(2);
    p.thread("consumer", [=] { w->end_pool(); });
    p.thread("dropper 1", [=] { drop(w->pages[0]); });
    p.thread("dropper 2", [=] { drop(w->pages[1]); });
    p.finally([=] { w->require_ended(2); });
  });
}

TEST(WeakPool, EndsWhereTheRingIsTooSmallForThePages) {
  explored([](Program& p) {
    auto* w = new World(1);
    w->alloc(3);
    p.thread("consumer", [=] { w->end_pool(); });
    p.thread("dropper 1", [=] { drop(std::span<const Netmem>(w->pages.data(), 2)); });
    p.thread("dropper 2", [=] { drop(w->pages[2]); });
    p.finally([=] { w->require_ended(3); });
  });
}

TEST(WeakPool, EndsWithPagesInItsCacheAndItsRingAndWithItsConsumer) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(4);
    drop(w->pages[0]);
    w->pool->recycle_to_ring(w->pages[1]);
    p.thread("consumer", [=] {
      w->end_pool();
      drop(w->pages[2]);
    });
    p.thread("dropper", [=] { drop(w->pages[3]); });
    p.finally([=] { w->require_ended(4); });
  });
}

TEST(WeakPool, EndsWithPagesThatItsConsumerReleased) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(3);
    p.thread("consumer", [=] {
      w->pool->release(w->pages[0]);
      w->end_pool();
    });
    p.thread("releaser", [=] { w->pool->release(w->pages[1]); });
    p.thread("dropper", [=] { drop(w->pages[2]); });
    p.finally([=] { w->require_ended(3); });
  });
}

// ---- allocating meanwhile ----

TEST(WeakPool, PagesThatOthersDropAreHandedOutAgain) {
  explored([](Program& p) {
    auto* w = new World(2, true);
    auto* got = new std::array<Netmem, 2>{};
    w->alloc(4);
    p.thread("consumer", [=] {
      (*got)[0] = w->pool->try_alloc();
      (*got)[1] = w->pool->try_alloc();
    });
    p.thread("dropper 1", [=] { drop(w->pages[0]); });
    p.thread("dropper 2", [=] { drop(w->pages[1]); });
    p.finally([=] {
      require(!(*got)[0] || (*got)[0] != (*got)[1], "a page is handed out once");
      std::size_t count = 0;
      for (const Netmem page : *got)
        if (page) {
          require(page.current() && page.descriptor().refs.load(std::memory_order_relaxed) == 1, "it begins a life");
          drop(page);
          ++count;
        }
      w->require_at_rest(2, 2);
      observe(std::to_string(count));
    });
  });
}

// ---- shared pages ----

TEST(WeakPool, TwoHoldersOfAPageDropItAtOnce) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(1);
    retain(w->pages[0]);
    p.thread("consumer", [=] { drop(w->pages[0]); });
    p.thread("dropper", [=] { drop(w->pages[0]); });
    p.finally([=] {
      require(again(w->pages[0]).generation() == w->pages[0].generation() + (w->pool->counters().in_ring == 0 ? 1 : 0),
              "one life ends");
      w->require_at_rest(1);
    });
  });
}

TEST(WeakPool, ThreeHoldersOfAPageShareItAndDropItAtOnce) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(1);
    retain(w->pages[0], 2);
    p.thread("consumer", [=] { drop(w->pages[0]); });
    p.thread("sharer", [=] {
      retain(w->pages[0]);
      drop(w->pages[0]);
      drop(w->pages[0]);
    });
    p.thread("dropper", [=] { drop(w->pages[0]); });
    p.finally([=] { w->require_at_rest(1); });
  });
}

TEST(WeakPool, APageRecycledWhileSharedLeavesThePoolOnce) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(1);
    retain(w->pages[0], 2);
    p.thread("consumer", [=] { w->pool->recycle(w->pages[0]); });
    p.thread("dropper 1", [=] { drop(w->pages[0]); });
    p.thread("dropper 2", [=] { drop(w->pages[0]); });
    p.finally([=] {
      const bool left = w->provider->came_back(w->pages[0]) == 1;
      w->require_at_rest(left ? 0 : 1);
      observe(left ? "leaves" : "stays");
    });
  });
}

TEST(WeakPool, ADisconnectedPageGoesToItsProviderThoughItsPoolEnds) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(1);
    retain(w->pages[0], 2);
    p.thread("consumer", [=] {
      w->pool->disconnect(w->pages[0]);
      w->end_pool();
      drop(w->pages[0]);
    });
    p.thread("dropper 1", [=] { drop(w->pages[0]); });
    p.thread("dropper 2", [=] { drop(w->pages[0]); });
    p.finally([=] { w->require_ended(1); });
  });
}

TEST(WeakPool, ASharedPageIsTheLastOfItsPool) {
  explored([](Program& p) {
    auto* w = new World(2);
    w->alloc(1);
    retain(w->pages[0]);
    p.thread("consumer", [=] { w->end_pool(); });
    p.thread("dropper 1", [=] { drop(w->pages[0]); });
    p.thread("dropper 2", [=] { drop(w->pages[0]); });
    p.finally([=] { w->require_ended(1); });
  });
}

// ---- fragments ----

TEST(WeakPool, FragmentsThatTwoThreadsDropWhileTheirPageIsGivenUp) {
  explored([](Program& p) {
    auto* w = new World(2);
    for (int i = 0; i < 3; ++i) w->pages[0] = w->pool->try_alloc_fragment(64).netmem;
    p.thread("consumer", [=] {
      w->pool->recycle_fragment(w->pages[0]);
      w->pool->flush_fragments();
    });
    p.thread("dropper 1", [=] { drop(w->pages[0]); });
    p.thread("dropper 2", [=] { drop(w->pages[0]); });
    p.finally([=] {
      w->require_at_rest(1);
      require(w->pages[0].descriptor().refs.load(std::memory_order_relaxed) == 1, "the count ends at 1");
      require(w->pool->try_alloc() == w->pages[0].next_generation(), "the page begins its next life");
    });
  });
}

TEST(WeakPool, APageOfFragmentsIsCutAgainOnceTheyAreHome) {
  explored([](Program& p) {
    auto* w = new World(2);
    auto* next = new Fragment;
    auto* data = new Plain<int>;  // in the fragments
    for (int i = 0; i < 2; ++i) w->pages[0] = w->pool->try_alloc_fragment(64).netmem;
    p.thread("consumer", [=] {
      *next = w->pool->try_alloc_fragment(static_cast<std::uint32_t>(w->pool->page_size()));
      if (next->netmem.index() == w->pages[0].index()) *data = 2;
    });
    for (int i = 0; i < 2; ++i)
      p.thread(i == 0 ? "dropper 1" : "dropper 2", [=] {
        if (i == 0) *data = 1;
        drop(w->pages[0]);
      });
    p.finally([=] {
      const bool same_page = next->netmem.index() == w->pages[0].index();
      observe(next->netmem == w->pages[0] ? "given up by nobody" : same_page ? "through the ring" : "another page");
      w->pool->recycle_fragment(next->netmem);
      w->pool->flush_fragments();
      w->require_at_rest(same_page ? 1 : 2);
    });
  });
}

TEST(WeakPool, FragmentsOutliveTheirPool) {
  explored([](Program& p) {
    auto* w = new World(2);
    for (int i = 0; i < 2; ++i) w->pages[0] = w->pool->try_alloc_fragment(64).netmem;
    p.thread("consumer", [=] { w->end_pool(); });
    p.thread("dropper 1", [=] { drop(w->pages[0]); });
    p.thread("dropper 2", [=] { drop(w->pages[0]); });
    p.finally([=] { w->require_ended(1); });
  });
}

// ---- who may end a pool ----

// A pool that another thread than its consumer ends.
std::function<void(Program&)> ended_elsewhere(bool consumer_stops_first, bool consumer_changes) {
  return [=](Program& p) {
    auto* w = new World(2);
    auto* stopped = new Atomic<std::uint32_t>;
    w->alloc(2);
    p.thread("consumer", [=] {
      drop(w->pages[0]);
      stopped->store(1, std::memory_order_release);
    });
    p.thread("owner", [=] {
      if (consumer_stops_first) until([=] { return stopped->load(std::memory_order_acquire) == 1; });
      if (consumer_changes) w->pool->set_consumer();
      w->end_pool();
    });
    p.thread("dropper", [=] { drop(w->pages[1]); });
    p.finally([=] { w->require_ended(2); });
  };
}

TEST(WeakPool, AnotherThreadMayEndThePoolAfterItsConsumerHasStopped) { explored(ended_elsewhere(true, false)); }

TEST(WeakPool, AnotherThreadMayBecomeTheConsumerAfterTheOneBeforeHasStopped) { explored(ended_elsewhere(true, true)); }

TEST(WeakPool, ADropOnTheConsumerWhileAnotherThreadEndsThePoolIsAFault) {
  for (const bool consumer_changes : {false, true}) {
    const Report report = explore(ended_elsewhere(false, consumer_changes));
    EXPECT_NE(report.fault.find("a race"), std::string::npos) << report.summary() << report.fault;
  }
}

}  // namespace
}  // namespace netmem::weak
