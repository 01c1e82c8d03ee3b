// jemalloc. Its malloc has the name of the C library's, which the linker would find first: the functions are asked of
// the library itself.
#include <dlfcn.h>
#include <jemalloc/jemalloc.h>

#include "bench/peers/allocator_loops.h"
#include "bench/peers/module.h"

namespace netmem::bench {
namespace {

struct Functions {
  void* (*allocate)(std::size_t) = nullptr;
  void (*release)(void*) = nullptr;
};
Functions functions;  // written once, while the module is opened

struct Jemalloc {
  void* allocate() { return functions.allocate(kAllocatorSize); }
  void release(void* bytes) { functions.release(bytes); }
};

// mallocx is a name that only jemalloc has.
Functions find_functions() {
  Dl_info where;
  if (::dladdr(reinterpret_cast<void*>(&mallocx), &where) == 0) return {};
  void* library = ::dlopen(where.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return {};
  return {reinterpret_cast<void* (*)(std::size_t)>(::dlsym(library, "malloc")),
          reinterpret_cast<void (*)(void*)>(::dlsym(library, "free"))};
}

std::string version() {
  const std::string all = JEMALLOC_VERSION;  // "5.3.0-0-g54eaed..."
  return all.substr(0, all.find('-'));
}

}  // namespace
}  // namespace netmem::bench

void netmem_peer_loops(netmem::bench::LoopList& loops) {
  using namespace netmem::bench;
  functions = find_functions();
  if (functions.allocate == nullptr || functions.release == nullptr) return;
  const AllocatorName name{"jemalloc", "jemalloc", "malloc and free of 4096 bytes (" + version() + ")"};
  add_allocator_loops<Jemalloc>(loops, name);
  add_cross_core_allocator_loops<Jemalloc>(loops, name);
}
