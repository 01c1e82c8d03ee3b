#include "netmem/base/mapping.h"

#include <cstdint>
#include <string>

#include "netmem/base/units.h"

namespace netmem {

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    reset();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Mapping::reset() {
  if (data_ != nullptr) ::munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

namespace {

// Address space for `size` bytes at a multiple of `alignment`, nothing in it yet. MAP_FAILED when there is none.
void* reserve(std::size_t size, std::size_t alignment) {
  size = (size + 4095) & ~std::size_t{4095};  // or the unused end could not be unmapped
  const std::size_t slack = alignment > 4096 ? alignment : 0;
  void* whole = ::mmap(nullptr, size + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (whole == MAP_FAILED || slack == 0) return whole;
  auto* begin = static_cast<std::byte*>(whole);
  auto* aligned = begin + (-reinterpret_cast<std::uintptr_t>(begin) & (alignment - 1));
  if (aligned != begin) ::munmap(begin, static_cast<std::size_t>(aligned - begin));
  std::byte* end = begin + size + slack;
  if (end != aligned + size) ::munmap(aligned + size, static_cast<std::size_t>(end - (aligned + size)));
  return aligned;
}

}  // namespace

Result<Mapping> Mapping::create(std::size_t size, std::size_t alignment, int protection, int flags, int fd,
                                std::size_t offset, const char* what) {
  const auto attempted = [&] { return "map " + format_size(size) + " of " + what; };
  void* place = reserve(size, alignment);
  if (place == MAP_FAILED) return system_error(attempted());
  void* data = ::mmap(place, size, protection, flags | MAP_FIXED, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED) {
    const int code = errno;
    ::munmap(place, size);
    return system_error(attempted(), {}, code);
  }
  Mapping mapping;
  mapping.data_ = static_cast<std::byte*>(data);
  mapping.size_ = size;
  return mapping;
}

Result<Mapping> Mapping::anonymous(std::size_t size, std::size_t alignment) {
  return create(size, alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0,
                "anonymous memory");
}

}  // namespace netmem
