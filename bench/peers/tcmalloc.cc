// tcmalloc of gperftools: the minimal library, without its profilers.
#include <gperftools/tcmalloc.h>

#include "bench/peers/allocator_loops.h"
#include "bench/peers/module.h"

namespace netmem::bench {
namespace {

struct Tcmalloc {
  void* allocate() { return tc_malloc(kAllocatorSize); }
  void release(void* bytes) { tc_free(bytes); }
};

}  // namespace
}  // namespace netmem::bench

void netmem_peer_loops(netmem::bench::LoopList& loops) {
  using namespace netmem::bench;
  const std::string version = tc_version(nullptr, nullptr, nullptr);  // "gperftools 2.10"
  const AllocatorName name{"tcmalloc", "tcmalloc", "tc_malloc and tc_free of 4096 bytes (" + version + ")"};
  add_allocator_loops<Tcmalloc>(loops, name);
  add_cross_core_allocator_loops<Tcmalloc>(loops, name);
}
