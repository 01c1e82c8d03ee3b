// An output that several threads write to: each call's bytes stay together. Any thread.
#pragma once

#include <mutex>

#include "tools/output.h"

namespace netmem::tool {

class SharedOutput {
 public:
  explicit SharedOutput(Output output) : output_(std::move(output)) {}

  Result<void> write(std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    Result<void> written = output_.write(bytes);
    failed_ = failed_ || !written;
    return written;
  }
  // Gives the file its name, unless a write failed. REQUIRES: nobody writes any more.
  Result<void> finish() { return failed_ ? Result<void>() : output_.finish(); }
  [[nodiscard]] const std::string& name() const { return output_.name(); }

 private:
  std::mutex mutex_;
  bool failed_ = false;
  Output output_;
};

}  // namespace netmem::tool
