// Who wants to know of page pools: when they are made, when their programs destroy them, and when their last page is
// home.
#pragma once

#include "netmem/base/export.h"

namespace netmem {

class PagePool;

// Threads: any; the pool holds no lock while it calls. All of it may happen inside a drop(), so that nothing here may
// start a thread, wait for one, or fail.
class NETMEM_EXPORT PoolObserver {
 public:
  virtual ~PoolObserver() = default;
  // At the end of PagePool::create(); may throw std::bad_alloc. The pool lives until removed() returns.
  virtual void added(const PagePool& pool) = 0;
  // The program has destroyed the pool. `pages_out`: some of its pages are in use, and the pool waits for them.
  virtual void detached(const PagePool& pool, bool pages_out) noexcept = 0;
  // The last page is home. Nothing of the pool may be touched after this returns.
  virtual void removed(const PagePool& pool) noexcept = 0;
};

}  // namespace netmem
