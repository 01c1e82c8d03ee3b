#include "tests/support/heap_counter.h"

#include <cstdlib>
#include <new>

namespace {

thread_local std::uint64_t allocations = 0;

}  // namespace

#ifndef NETMEM_UNDER_SANITIZER
// The other forms of new and delete come down to these.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace netmem {

std::uint64_t heap_allocations() { return allocations; }

}  // namespace netmem
