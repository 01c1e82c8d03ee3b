// A shared library that is looked for when it is needed, so that nobody has to have it. It stays in the process for
// good: libraries of drivers leave threads behind. Any thread.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>

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

// Finds many functions and remembers the first that the library lacks.
class FunctionFinder {
 public:
  explicit FunctionFinder(const SharedLibrary& library) : library_(library) {}
  template <class Function>
  void operator()(const char* symbol, Function*& function) {
    if (!library_.find(symbol, function) && lacking_ == nullptr) lacking_ = symbol;
  }
  // null: none.
  [[nodiscard]] const char* lacking() const { return lacking_; }

 private:
  const SharedLibrary& library_;
  const char* lacking_ = nullptr;
};

// What one load gave, for all who ask; after an error the next who asks tries again. Any thread.
template <class Table>
class LoadedOnce {
 public:
  Result<const Table*> get(Result<Table> (*load)(const std::string&), const char* name) {
    const std::scoped_lock lock(mutex_);
    if (!table_) {
      Result<Table> now = load(name);
      if (!now) return std::unexpected(now.error());
      table_ = std::move(*now);
    }
    return &*table_;
  }

 private:
  std::mutex mutex_;
  std::optional<Table> table_;
};

}  // namespace netmem
