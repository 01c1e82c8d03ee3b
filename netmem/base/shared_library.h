// A shared library that is looked for when it is needed, so that nobody has to have it. It stays in the process for
// good: libraries of drivers leave threads behind. Any thread.
#pragma once

#include <string>

#include "netmem/base/error.h"

namespace netmem {

class SharedLibrary {
 public:
  // By the system's search path, or a path with a slash. `advice` is the error's: where to get it.
  static Result<SharedLibrary> open(const std::string& name, const char* advice);

  // Sets `function` to what the library has under that name. False: it has no such thing.
  template <class Function>
  bool find(const char* symbol, Function*& function) const {
    function = reinterpret_cast<Function*>(address(symbol));
    return function != nullptr;
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  SharedLibrary(std::string name, void* handle) : name_(std::move(name)), handle_(handle) {}
  [[nodiscard]] void* address(const char* symbol) const;

  std::string name_;
  void* handle_;
};

}  // namespace netmem
