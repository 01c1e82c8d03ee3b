#include "netmem/base/thread.h"

#include <atomic>

namespace netmem {

constinit thread_local ThreadId this_thread_number = 0;

ThreadId assign_thread_id() {
  static constinit std::atomic<ThreadId> last{0};
  if (this_thread_number == 0) this_thread_number = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return this_thread_number;
}

}  // namespace netmem
