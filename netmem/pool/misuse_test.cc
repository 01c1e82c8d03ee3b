// Misuse that the checks stop, and books that audit() finds wrong. Each test here is the only one that fails when its
// check is taken out (docs/invariants.md).
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "netmem/pool/page_pool.h"
#include "netmem/providers/decorators/decorator.h"
#include "netmem/providers/host/huge_split.h"
#include "netmem/providers/mapped/device.h"
#include "tests/support/pool_checks.h"
#include "tests/support/test_provider.h"

namespace netmem {
namespace {

std::string complaint(const PagePool& pool) {
  const auto books = pool.audit();
  return books ? "nothing" : books.error().reason;
}

// ---- pages ----

TEST(PageDeathTest, TheWrongKindOfMemoryIsNamed) {
  const auto pool = PagePool::create(make_memfd_provider({.size = 4096}).value(), {.allow_unreadable = true}).value();
  const Ref device(pool->try_alloc());
  EXPECT_DEATH(static_cast<void>(Page(device.get())), "page 0 of memfd:4 KiB is device memory: the CPU has no address");
  const auto host_pool = PagePool::create(TestProvider::create(1)).value();
  const Ref host(host_pool->try_alloc());
  EXPECT_DEATH(static_cast<void>(NetIov(host.get())), "page 0 of test is host memory, not a net_iov");
}

TEST(PageDeathTest, AStaleHandleReachesNoBytes) {
  const auto provider = make_memfd_provider({.size = 4096}).value();
  const auto pool = PagePool::create(provider, {.allow_unreadable = true}).value();
  const Netmem stale = pool->try_alloc();
  drop(stale);
  EXPECT_DEATH(static_cast<void>(NetIov(stale)), "used after it went home");
  std::byte byte{};
  EXPECT_DEATH(static_cast<void>(provider->copy_engine().copy_out(std::array{CopyOut{{&byte, 1}, stale, 0}})),
               "copied after it went home");
}

// ---- recycling ----

TEST(PagePoolDeathTest, APageOfAnotherPoolIsRefused) {
  const auto own = PagePool::create(TestProvider::create()).value();
  const auto other = PagePool::create(TestProvider::create()).value();
  other->set_consumer();
  const Ref page(own->try_alloc());
  const Ref again = page.share();
  EXPECT_DEATH(other->recycle(page.get()), "recycled into another pool than its own");
  EXPECT_DEATH(other->disconnect(page.get()), "disconnected from another pool than its own");
}

TEST(PagePoolDeathTest, ASharedPageIsNotRecycledOnAnotherThread) {
  const auto pool = PagePool::create(TestProvider::create(), {.name = "rx0"}).value();
  const Ref page(pool->try_alloc());
  const Ref again = page.share();
  EXPECT_DEATH(on_another_thread([&] { pool->recycle(page.get()); }), "pool rx0: .*on a thread that is not");
}

TEST(PagePoolDeathTest, ASharedPageIsNotReleased) {
  const auto pool = PagePool::create(TestProvider::create(), {.name = "rx0"}).value();
  const Ref page(pool->try_alloc());
  const Ref again = page.share();
  EXPECT_DEATH(pool->release(page.get()), "pool rx0: page 0 released while 2 references are held");
}

TEST(PagePoolDeathTest, AStaleHandleOnItsWayToTheProviderStopsTheProgram) {
  const auto pool = PagePool::create(TestProvider::create()).value();
  const Netmem stale = pool->try_alloc();
  drop(stale);
  EXPECT_DEATH(pool->release(stale), "dropped twice, or after it went home");
}

TEST(PagePoolDeathTest, AStaleHandleThatOutlivesThePoolStopsTheProgram) {
  auto pool = PagePool::create(TestProvider::create()).value();
  const Netmem stale = pool->try_alloc();
  drop(stale);
  const Ref held(pool->try_alloc());
  ASSERT_EQ(held.get().index(), stale.index());
  pool.reset();
  EXPECT_DEATH(drop(stale), "dropped twice, or after it went home");
}

// ---- providers that do wrong ----

class Wrong final : public Decorator {
 public:
  enum class Way : std::uint8_t { same_page_twice, more_than_asked };
  explicit Wrong(Way way) : Decorator(TestProvider::create()), way_(way) {}
  std::size_t grant(std::span<Netmem> out) noexcept override {
    const std::size_t count = inner().grant(out);
    if (way_ == Way::more_than_asked) return count + 1;
    out[1] = out[0];
    return count;
  }

 private:
  Way way_;
};

TEST(PagePoolDeathTest, APageGrantedTwiceStopsTheProgram) {
  const auto pool = PagePool::create(std::make_shared<Wrong>(Wrong::Way::same_page_twice)).value();
  EXPECT_DEATH(static_cast<void>(pool->try_alloc()), "granted while it was in use");
}

TEST(PagePoolDeathTest, MorePagesThanAskedForStopTheProgram) {
  const auto pool = PagePool::create(std::make_shared<Wrong>(Wrong::Way::more_than_asked)).value();
  EXPECT_DEATH(static_cast<void>(pool->try_alloc()), "provider test granted 65 pages where 64 were asked for");
}

TEST(MemoryProviderDeathTest, ADisconnectedPageComesBackOnce) {
  const auto provider = TestProvider::create();
  EXPECT_DEATH(provider->disconnected_page_returned(), "provider test: a disconnected page came back twice");
}

TEST(PagePool, DeviceMemoryIsRefusedToProgramsThatReadIt) {
  const auto pool = PagePool::create(make_memfd_provider({.size = 4096}).value(), {.name = "rx0"});
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().message(),
            "cannot create page pool rx0: provider memfd has device memory, which the CPU cannot read; set "
            "allow_unreadable when the program does not need to");
}

// ---- audit ----

struct Audited {
  std::shared_ptr<TestProvider> provider = TestProvider::create();
  PagePoolPtr pool = PagePool::create(provider, {.name = "rx0"}).value();
  Netmem held = pool->try_alloc();
  Netmem cached = pool->try_alloc();

  Audited() {
    drop(cached);
    cached = cached.next_generation();
    EXPECT_EQ(complaint(*pool), "nothing");
  }
  ~Audited() {
    EXPECT_EQ(complaint(*pool), "nothing");
    drop(held);
  }
};

TEST(PagePoolAudit, FindsAPageThatNoLongerNamesItsPool) {
  const Audited a;
  PageOwner* const owner = std::exchange(a.held.descriptor().owner, &no_owner());
  EXPECT_EQ(complaint(*a.pool), "pages held: the books say 64, found 63");
  a.held.descriptor().owner = owner;
}

TEST(PagePoolAudit, FindsPagesThatAreHeldAndAtRestAtOnce) {
  const Audited a;
  retain(a.held);
  a.cached.descriptor().refs.store(2);
  EXPECT_EQ(complaint(*a.pool), "pages in cache and ring: the books say 63, found 62");
  drop(a.held);
  EXPECT_EQ(complaint(*a.pool), "page 1 in the cache is still referenced");
  a.cached.descriptor().refs.store(1);
}

TEST(PagePoolAudit, FindsAStaleHandleInTheCache) {
  const Audited a;
  a.cached.life().set(a.cached.next_generation().bits());
  EXPECT_EQ(complaint(*a.pool), "page 1 in the cache has the handle of an earlier life");
  a.cached.life().set(a.cached.bits());
}

TEST(PagePoolAudit, FindsAPageOfAnotherPoolInTheCache) {
  const Audited a;
  const auto other = PagePool::create(a.provider, {.name = "rx1"}).value();
  const Netmem theirs = other->try_alloc();
  std::swap(theirs.descriptor().owner, a.cached.descriptor().owner);
  EXPECT_EQ(complaint(*a.pool), "page 1 in the cache belongs to rx1");
  std::swap(theirs.descriptor().owner, a.cached.descriptor().owner);
  drop(theirs);
}

TEST(PagePoolAudit, FindsAPageThatIsInTheCacheTwice) {
  const Audited a;
  const Netmem before = Netmem::from_bits(a.cached.bits() - Netmem::kOneGeneration);
  a.cached.life().set(before.bits());
  drop(before);
  EXPECT_EQ(complaint(*a.pool), "page 1 in the cache is there twice");
  static_cast<void>(a.pool->try_alloc());  // once is enough
}

TEST(PagePoolDeathTest, DmaSyncOnMemoryMappedOnDemandWithoutADeviceIsNamed) {
  const auto provider = make_huge_split_provider({.size = 4 << 20}).value();
  const auto pool = PagePool::create(provider, {.name = "rx0", .dma_sync = true, .dma_max_len = 64}).value();
  EXPECT_DEATH(static_cast<void>(pool->try_alloc()),
               "pool rx0 has dma_sync, but provider huge_split has no DMA device");
}

// Runs `work` in a child of fork() and returns what became of the child, and what it printed.
struct Child {
  int status = 0;
  std::string text;
};
Child in_a_child(auto work) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    work();
    ::_exit(0);
  }
  ::close(ends[1]);
  Child result;
  for (std::array<char, 512> buffer; const ssize_t size = ::read(ends[0], buffer.data(), buffer.size());) {
    if (size < 0) break;
    result.text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  EXPECT_EQ(::waitpid(child, &result.status, 0), child);
  return result;
}

TEST(PagePoolFork, AnAllocationInTheChildStopsIt) {
  const auto pool = PagePool::create(TestProvider::create(64), {.name = "rx0"}).value();
  drop(pool->try_alloc());  // the cache has pages that the child must not be given
  const auto refuses = [](const Child& child) {
    return WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGABRT &&
           child.text.find("pool rx0: used in a child of fork()") != std::string::npos;
  };
  EXPECT_TRUE(refuses(in_a_child([&] { static_cast<void>(pool->try_alloc()); })));
  EXPECT_TRUE(refuses(in_a_child([&] { static_cast<void>(take(*pool, 3)); })));
  EXPECT_TRUE(refuses(in_a_child([&] { static_cast<void>(pool->try_alloc_fragment(100)); })));
  EXPECT_TRUE(refuses(in_a_child([&] { pool->set_consumer(); })));
  drop(pool->try_alloc());  // the parent goes on
}

TEST(PagePoolFork, AChildMayDropAndDestroyWhatItsParentGoesOnUsing) {
  const auto provider = TestProvider::create(64);
  auto pool = PagePool::create(provider, {.name = "rx0"}).value();
  const auto pages = take(*pool, 3);
  const Fragment fragment = pool->try_alloc_fragment(100);
  const Child child = in_a_child([&] {
    drop(pages[0]);
    retain(pages[1]);
    drop(pages[1]);
    drop(fragment.netmem);
    pool.reset();
    drop(pages[2]);
  });
  EXPECT_TRUE(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0) << child.text;
  drop(pages);
  drop(fragment.netmem);
  pool->flush_fragments();
  expect_balanced(*pool);
  EXPECT_EQ(pool->counters().inflight(), 0);
}

TEST(PagePoolFork, AChildThatMakesItsOwnProviderAndPoolIsServed) {
  const auto provider = TestProvider::create(64);
  const auto pool = PagePool::create(provider).value();
  drop(pool->try_alloc());
  const Child child = in_a_child([&] {
    const auto refused = PagePool::create(provider, {.name = "again"});
    if (refused || refused.error().message().find("its provider was created before fork()") == std::string::npos)
      ::_exit(1);
    const auto own = PagePool::create(TestProvider::create(64)).value();
    if (!own->try_alloc()) ::_exit(2);
  });
  EXPECT_TRUE(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0) << child.status << child.text;
}

#ifdef NETMEM_DEBUG
// Runs `meddle` on another thread while this one, the consumer, is inside its cache.
void while_the_consumer_is_inside(PagePoolPtr& pool, auto meddle) {
  struct Inside : PageOwner {
    using PageOwner::occupant_;
  };
  const CacheGuard inside((*pool).*(&Inside::occupant_));
  on_another_thread(meddle);
}

TEST(PagePoolDeathTest, DestroyingThePoolWhileItsConsumerDropsStopsTheDebugBuild) {
  auto pool = PagePool::create(TestProvider::create(64)).value();
  drop(pool->try_alloc());
  EXPECT_DEATH(while_the_consumer_is_inside(pool, [&] { pool.reset(); }), "two threads use one page pool's cache");
  EXPECT_DEATH(while_the_consumer_is_inside(pool, [&] { pool->set_consumer(); }),
               "two threads use one page pool's cache");
}

TEST(PagePoolDeathTest, RecyclingOnAnotherThreadStopsTheDebugBuild) {
  const auto pool = PagePool::create(TestProvider::create(64)).value();
  const Netmem page = pool->try_alloc();
  EXPECT_DEATH(on_another_thread([&] { pool->recycle(page); }), "on a thread that is not the consumer");
  drop(page);
}
#endif

}  // namespace
}  // namespace netmem
