// What the checked code takes from the system, in a form that the checker knows: a check that fails is a fault of the
// execution, and descriptors lie in the execution's memory.
#include <sys/mman.h>

#include <cstdarg>
#include <cstdio>

#include "netmem/base/check.h"
#include "netmem/base/mapping.h"
#include "tests/weak/arena.h"
#include "tests/weak/checker.h"

namespace netmem {

void check_failed(const char* file, int line, const char* format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  char all[640];
  std::snprintf(all, sizeof all, "%s:%d: %s", file, line, text);
  weak::require(false, all);
  __builtin_unreachable();
}

Result<Mapping> Mapping::anonymous(std::size_t size, std::size_t alignment) {
  Mapping mapping;
  mapping.data_ = static_cast<std::byte*>(weak::Arena::take(size, alignment));
  mapping.size_ = size;
  return mapping;
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Mapping::reset() { data_ = nullptr; }  // the memory goes with the execution

}  // namespace netmem
