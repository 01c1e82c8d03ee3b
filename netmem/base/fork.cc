#include "netmem/base/fork.h"

#include <pthread.h>

#include <cstring>

#include "netmem/base/check.h"

namespace netmem {
namespace {

constinit std::mutex lock_of_the_process;
constinit ForkWatch* watches = nullptr;  // guarded by it
constinit std::uint32_t forks = 0;       // written in a child before it has a second thread

}  // namespace

struct ForkHandlers {
  ForkHandlers() {
    const int error =
        ::pthread_atfork([] { lock_of_the_process.lock(); }, [] { lock_of_the_process.unlock(); }, in_child);
    NETMEM_CHECK(error == 0, "cannot watch for fork(): %s", std::strerror(error));
  }
  static void in_child() {
    ++forks;
    for (const ForkWatch* watch = watches; watch != nullptr; watch = watch->next_) watch->in_child_(watch->object_);
    lock_of_the_process.unlock();
  }
};

namespace {
const ForkHandlers handlers;  // from the start of the program on, when nothing can fail yet for want of memory
}

std::uint32_t fork_count() noexcept { return forks; }

std::mutex& process_lock() noexcept { return lock_of_the_process; }

ForkWatch::ForkWatch(InChild in_child, void* object) noexcept : in_child_(in_child), object_(object) {
  const std::scoped_lock lock(lock_of_the_process);
  next_ = watches;
  if (next_ != nullptr) next_->previous_ = this;
  watches = this;
}

ForkWatch::~ForkWatch() {
  const std::scoped_lock lock(lock_of_the_process);
  (previous_ != nullptr ? previous_->next_ : watches) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

}  // namespace netmem
