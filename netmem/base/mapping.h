// An owned mmap. Moves, never copies; unmaps on destruction. The mapping itself may be used from any thread.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

#include "netmem/base/error.h"
#include "netmem/base/export.h"

namespace netmem {

class NETMEM_EXPORT Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { reset(); }

  // mmap's arguments; `alignment` is a power of two, at least 4096, and holds for data().
  // `what` completes "cannot map SIZE of ..." in the error.
  static Result<Mapping> create(std::size_t size, std::size_t alignment, int protection, int flags, int fd,
                                std::size_t offset, const char* what);
  // Private anonymous memory, readable and writable.
  static Result<Mapping> anonymous(std::size_t size, std::size_t alignment = 4096);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  explicit operator bool() const { return data_ != nullptr; }
  void reset();
  // Leaves the memory mapped for ever.
  void leave() { data_ = nullptr, size_ = 0; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace netmem
