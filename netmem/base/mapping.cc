#include "netmem/base/mapping.h"

#include <cerrno>
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

// Where `size` bytes at a multiple of `alignment` are free just now. MAP_FAILED: nowhere.
void* free_place(std::size_t size, std::size_t alignment) {
  const std::size_t room = size + alignment;
  void* whole = ::mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (whole == MAP_FAILED) return whole;
  ::munmap(whole, room);
  return static_cast<std::byte*>(whole) + (-reinterpret_cast<std::uintptr_t>(whole) & (alignment - 1));
}

// As mmap, at a multiple of `alignment`. No place is held and then replaced (MAP_FIXED): when that fails, the kernel
// may have given the place up already, and to unmap it would unmap what another thread has put there since.
void* map_aligned(std::size_t size, std::size_t alignment, int protection, int flags, int fd, off_t offset) {
  if (alignment <= 4096) return ::mmap(nullptr, size, protection, flags, fd, offset);
  constexpr int kTries = 1000;  // each is lost to another thread that takes the place first
  for (int i = 0; i < kTries; ++i) {
    void* place = free_place(size, alignment);
    if (place == MAP_FAILED) return place;
    void* data = ::mmap(place, size, protection, flags | MAP_FIXED_NOREPLACE, fd, offset);
    if (data == place || (data == MAP_FAILED && errno != EEXIST)) return data;
    if (data != MAP_FAILED) ::munmap(data, size);  // before Linux 4.17 the place is but a wish
  }
  errno = EAGAIN;
  return MAP_FAILED;
}

}  // namespace

Result<Mapping> Mapping::create(std::size_t size, std::size_t alignment, int protection, int flags, int fd,
                                std::size_t offset, const char* what) {
  void* data = map_aligned(size, alignment, protection, flags, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED) {
    const int code = errno;
    return system_error("map " + format_size(size) + " of " + what, {}, code);
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
