// The memory of an execution: begins at the same place and is handed out in the same order each time, so that an
// address names the same thing in every execution. Its operator new and delete are the program's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace netmem::weak {

class Arena {
 public:
  // While in use, operator new takes from the arena.
  static bool use(bool on);
  // Throws everything away.
  static void reset();
  // What was ever handed out ends here.
  [[nodiscard]] static std::uintptr_t end();
  [[nodiscard]] static bool holds(const void* at);
  static void* take(std::size_t size, std::size_t alignment);
};

// Told by operator delete of memory from the arena.
void freed(void* at, std::size_t size);

}  // namespace netmem::weak
