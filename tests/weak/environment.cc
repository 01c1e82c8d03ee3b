// What the checked code takes from the system, in a form that the checker knows: a check that fails is a fault of the
// execution, descriptors lie in the execution's memory, and nothing outlives it.
#include <sys/mman.h>

#include <cstdarg>
#include <cstdio>

#include "netmem/base/check.h"
#include "netmem/base/fork.h"
#include "netmem/base/mapping.h"
#include "netmem/core/generations.h"
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

std::uint32_t fork_count() noexcept { return 0; }
std::mutex& process_lock() noexcept {
  static std::mutex lock;
  return lock;
}
ForkWatch::ForkWatch(InChild in_child, void* object) noexcept : in_child_(in_child), object_(object), next_(nullptr) {}
ForkWatch::~ForkWatch() = default;

Generations take_generations(const DescriptorBlock& /*block*/) noexcept { return {}; }
bool keep_generations(const DescriptorBlock* /*first*/, std::size_t /*blocks*/) noexcept { return true; }

}  // namespace netmem
