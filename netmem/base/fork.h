// What fork() leaves behind: the child has a copy of every object, but the pages, sockets and queues that they stand
// for are still the parent's. Objects that must not be used in the child ask here whether they were copied.
//
// Threads: any. Only fork(3) is noticed. A child made by the system call clone() itself is not, nor is one made by
// vfork(), which shares its memory with the parent and may only call execve() or _exit().
#pragma once

#include <cstdint>
#include <mutex>

#include "netmem/base/export.h"

namespace netmem {

// Returns how many forks lie between the process that loaded the library and this one. An object that remembers the
// number of its creation knows whether it was copied since.
[[nodiscard]] NETMEM_EXPORT std::uint32_t fork_count() noexcept;

// The lock of everything that the library keeps once for the whole process. fork() takes it, so that the child does not
// get a lock that a thread holds which the child does not have.
NETMEM_EXPORT std::mutex& process_lock() noexcept;

// Calls a function in the child of each fork, for as long as it lives. The function runs on the only thread of the
// child and may do nothing but write to memory.
class NETMEM_EXPORT ForkWatch {
 public:
  using InChild = void (*)(void* object) noexcept;
  ForkWatch(InChild in_child, void* object) noexcept;
  ~ForkWatch();
  ForkWatch(const ForkWatch&) = delete;
  ForkWatch& operator=(const ForkWatch&) = delete;

 private:
  friend struct ForkHandlers;
  const InChild in_child_;
  void* const object_;
  ForkWatch* next_;
  ForkWatch* previous_ = nullptr;
};

}  // namespace netmem
