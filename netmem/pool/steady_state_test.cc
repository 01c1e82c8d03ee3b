// In steady state the pool's paths neither allocate heap memory nor call the system.

#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "netmem/pool/page_pool.h"
#include "netmem/providers/host/host.h"
#include "tests/support/heap_counter.h"

namespace netmem {
namespace {

// Every path of the consumer: cache, ring, provider, bulk, shared pages, fragments.
void use_all_paths(PagePool& pool, int rounds) {
  std::array<Netmem, 200> pages;
  for (int round = 0; round < rounds; ++round) {
    const std::size_t count = pool.try_alloc(pages);
    retain(pages[0]);
    drop(pages[0]);
    pool.recycle(pages[0]);
    pool.release(pages[1]);
    drop(std::span<const Netmem>(pages).subspan(2, count - 2));
    pool.recycle_fragment(pool.try_alloc_fragment(1500).netmem);
    drop(pool.try_alloc_fragment(3000).netmem);
  }
}

TEST(PagePoolSteadyState, AllocatesNoHeapMemory) {
#ifdef NETMEM_UNDER_SANITIZER
  GTEST_SKIP() << "the sanitizer has its own operator new";
#endif
  const auto pool = PagePool::create(make_host_provider({.size = 4 << 20}).value(), {.ring_size = 64}).value();
  use_all_paths(*pool, 3);
  const std::uint64_t before = heap_allocations();
  use_all_paths(*pool, 1000);
  EXPECT_EQ(heap_allocations(), before);
  EXPECT_GT(pool->counters().ring, 0u);
  EXPECT_GT(pool->counters().release, 1000u);
}

// In a child that the kernel kills at its first system call but exit.
int status_of(auto work) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto pool = PagePool::create(make_host_provider({.size = 4 << 20}).value(), {.ring_size = 64}).value();
    use_all_paths(*pool, 3);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) ::_exit(77);
    work(*pool);
    ::syscall(SYS_exit, 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(PagePoolSteadyState, CallsNoSystemFunction) {
#ifdef NETMEM_UNDER_SANITIZER
  GTEST_SKIP() << "the sanitizer's run time calls the system";
#endif
  const int status = status_of([](PagePool& pool) { use_all_paths(pool, 1000); });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "this kernel has no seccomp";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "killed by signal " << WTERMSIG(status);
  EXPECT_TRUE(WIFSIGNALED(status_of([](PagePool&) { ::getppid(); }))) << "the filter does not work";
}

}  // namespace
}  // namespace netmem
