// mimalloc, as Debian builds its shared library.
#include <mimalloc.h>

#include "bench/peers/allocator_loops.h"
#include "bench/peers/module.h"

namespace netmem::bench {
namespace {

struct Mimalloc {
  void* allocate() { return mi_malloc(kAllocatorSize); }
  void release(void* bytes) { mi_free(bytes); }
};

std::string version() {
  const int number = mi_version();  // 209: 2.0.9
  return std::to_string(number / 100) + "." + std::to_string(number / 10 % 10) + "." + std::to_string(number % 10);
}

}  // namespace
}  // namespace netmem::bench

void netmem_peer_loops(netmem::bench::LoopList& loops) {
  using namespace netmem::bench;
  const AllocatorName name{"mimalloc", "mimalloc", "mi_malloc and mi_free of 4096 bytes (" + version() + ")"};
  add_allocator_loops<Mimalloc>(loops, name);
  add_cross_core_allocator_loops<Mimalloc>(loops, name);
}
