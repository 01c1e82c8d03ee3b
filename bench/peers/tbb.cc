// The scalable allocator of oneTBB.
#include <oneapi/tbb/scalable_allocator.h>
#include <oneapi/tbb/version.h>

#include "bench/peers/allocator_loops.h"
#include "bench/peers/module.h"

namespace netmem::bench {
namespace {

struct Tbb {
  void* allocate() { return scalable_malloc(kAllocatorSize); }
  void release(void* bytes) { scalable_free(bytes); }
};

}  // namespace
}  // namespace netmem::bench

void netmem_peer_loops(netmem::bench::LoopList& loops) {
  using namespace netmem::bench;
  const AllocatorName name{"tbb", "TBB scalable_malloc",
                           "scalable_malloc and scalable_free of 4096 bytes (" TBB_VERSION_STRING ")"};
  add_allocator_loops<Tbb>(loops, name);
  add_cross_core_allocator_loops<Tbb>(loops, name);
}
