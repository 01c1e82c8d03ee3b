// malloc of the C library, asked of the library itself, so that what it measures is what it says.
#include <dlfcn.h>
#include <gnu/libc-version.h>

#include <cstdlib>

#include "bench/peers/allocator_loops.h"
#include "bench/peers/peers.h"

namespace netmem::bench {
namespace {

struct Functions {
  void* (*allocate)(std::size_t) = nullptr;
  void (*release)(void*) = nullptr;
};
Functions functions;  // written once, by the first glibc_loops()

// While it lives, something above its memory is in use, as in any program that has run for a while. At the very end of
// the heap, a page costs half; and when 128 KiB there become free, they go back to the kernel, for 30 times as much.
class Glibc {
 public:
  Glibc() {
    std::vector<void*> below(2 * kCrossCorePages);
    for (void*& bytes : below) bytes = allocate();
    above_ = allocate();
    for (void* bytes : below) release(bytes);
  }
  Glibc(const Glibc&) = delete;
  Glibc& operator=(const Glibc&) = delete;
  ~Glibc() { release(above_); }

  void* allocate() { return functions.allocate(kAllocatorSize); }
  void release(void* bytes) { functions.release(bytes); }

 private:
  void* above_;
};

// The file that the program's own malloc is in.
std::string malloc_in_use(void* own) {
  Dl_info where;
  return ::dladdr(own, &where) != 0 ? where.dli_fname : "something unknown";
}

}  // namespace

void glibc_loops(LoopList& loops, std::vector<Missing>& missing) {
  void* library = ::dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  void* allocate = library == nullptr ? nullptr : ::dlsym(library, "malloc");
  void* in_use = ::dlsym(RTLD_DEFAULT, "malloc");
  if (allocate == nullptr || allocate != in_use) {
    missing.push_back({"glibc", "the program's malloc is that of " + malloc_in_use(in_use) +
                                    "; run it without LD_PRELOAD, in a build without sanitizers"});
    return;
  }
  functions = {reinterpret_cast<void* (*)(std::size_t)>(allocate),
               reinterpret_cast<void (*)(void*)>(::dlsym(library, "free"))};
  const AllocatorName name{"glibc", "glibc malloc",
                           std::string("malloc and free of 4096 bytes (") + ::gnu_get_libc_version() + ")"};
  add_allocator_loops<Glibc>(loops, name);
  add_cross_core_allocator_loops<Glibc>(loops, name);
}

}  // namespace netmem::bench
