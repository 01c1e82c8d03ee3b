// An owned file descriptor. Moves, never copies; closes on destruction. Not thread-safe.
#pragma once

#include <utility>

#include "netmem/base/error.h"
#include "netmem/base/export.h"

namespace netmem {

class NETMEM_EXPORT Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset();

  // A second descriptor of the same file (close-on-exec).
  [[nodiscard]] Result<Fd> duplicate() const;

 private:
  int fd_ = -1;
};

}  // namespace netmem
