// In debug builds (NETMEM_DEBUG, set by the build of the library itself and never by a program) stops the program when
// two threads use one cache at a time, or when a thread that is not the consumer does. Nothing in all other builds.
#pragma once

#include "netmem/base/check.h"
#include "netmem/base/thread.h"

#ifdef NETMEM_DEBUG
#include <atomic>
#endif

namespace netmem {

#ifdef NETMEM_DEBUG

// The thread that is inside a cache; kNoThread when none is.
struct CacheOccupant : std::atomic<ThreadId> {
  constexpr CacheOccupant() : atomic(kNoThread) {}
};

// Being inside, for a scope; a thread that is inside already may enter again.
class CacheGuard {
 public:
  explicit CacheGuard(CacheOccupant& occupant) : occupant_(&occupant) {
    ThreadId inside = kNoThread;
    if (occupant.compare_exchange_strong(inside, assign_thread_id(), std::memory_order_relaxed)) return;
    NETMEM_CHECK(inside == assign_thread_id(),
                 "two threads use one page pool's cache at the same time: one drops, allocates or recycles as the "
                 "consumer while "
                 "another one destroys the pool or becomes its consumer; end the first before");
    occupant_ = nullptr;
  }
  ~CacheGuard() { leave(); }
  CacheGuard(const CacheGuard&) = delete;
  CacheGuard& operator=(const CacheGuard&) = delete;

  void leave() {
    if (occupant_ != nullptr) occupant_->store(kNoThread, std::memory_order_relaxed);
    occupant_ = nullptr;
  }

 private:
  CacheOccupant* occupant_;
};

#else

struct CacheOccupant {};

class CacheGuard {
 public:
  explicit CacheGuard(const CacheOccupant& /*occupant*/) {}
  void leave() {}
};

#endif

}  // namespace netmem
