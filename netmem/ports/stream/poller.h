// epoll and a doorbell: which of many descriptors can be read now. Level-triggered.
//
// What one wait brings is handed out event by event, also over several calls, before the kernel is asked again: so no
// descriptor is passed over because others were ready first.
//
// Threads: one, except wake().
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>

#include "netmem/base/error.h"
#include "netmem/base/fd.h"

namespace netmem {

class Poller {
 public:
  static constexpr std::uint64_t kDoorbell = 0;  // the tag that is taken

  static Result<Poller> create();

  // Reports `tag` while `fd` can be read, or has an error or an end to tell.
  Result<void> add(int fd, std::uint64_t tag);
  void remove(int fd);

  // Any thread and signal handlers: ends a wait, or the next one.
  void wake() noexcept;

  // Whether events of the last wait are still to be handed out.
  [[nodiscard]] bool pending() const { return next_ < count_; }
  // Whether the last wait brought one event only.
  [[nodiscard]] bool single() const { return count_ == 1; }
  // REQUIRES: nothing pending. Waits up to `timeout_ms` (-1: without end); signals end it early.
  Result<void> wait(int timeout_ms);
  // Waits for wake() alone, whatever is pending.
  void wait_for_wake(int timeout_ms);
  // The tag that next() gave last is given once more. REQUIRES: no wait since.
  void again() { --next_; }
  // The next tag that can be read; empty when there is none.
  [[nodiscard]] std::optional<std::uint64_t> next();
  // Whether wake() was called since the last time.
  [[nodiscard]] bool take_woken();

 private:
  Poller(Fd epoll, Fd doorbell) : epoll_(std::move(epoll)), doorbell_(std::move(doorbell)) {}

  void answer_doorbell();

  Fd epoll_;
  Fd doorbell_;
  bool woken_ = false;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::array<epoll_event, 64> events_;
};

}  // namespace netmem
