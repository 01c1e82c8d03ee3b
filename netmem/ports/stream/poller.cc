#include "netmem/ports/stream/poller.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "netmem/base/check.h"

namespace netmem {

Result<Poller> Poller::create() {
  constexpr const char* kAdvice = "raise the open file limit (ulimit -n)";
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return system_error("create an epoll descriptor", kAdvice);
  Fd doorbell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!doorbell) return system_error("create an eventfd", kAdvice);
  Poller poller(std::move(epoll), std::move(doorbell));
  if (auto added = poller.add(poller.doorbell_.get(), kDoorbell); !added) return std::unexpected(added.error());
  return poller;
}

Result<void> Poller::add(int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return system_error("watch a descriptor with epoll", "see /proc/sys/fs/epoll/max_user_watches");
}

void Poller::remove(int fd) {
  const int status = ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  NETMEM_CHECK(status == 0, "descriptor %d is not watched (errno %d)", fd, errno);
}

void Poller::wake() noexcept {
  const int code = errno;  // a signal handler leaves errno as it was
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(doorbell_.get(), &one, sizeof one);  // full: it rings already
  errno = code;
}

Result<void> Poller::wait(int timeout_ms) {
  next_ = count_ = 0;
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
  if (count < 0 && errno != EINTR) return system_error("wait with epoll");
  count_ = count < 0 ? 0 : static_cast<std::size_t>(count);
  return {};
}

void Poller::wait_for_wake(int timeout_ms) {
  pollfd doorbell{.fd = doorbell_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&doorbell, 1, timeout_ms) == 1) answer_doorbell();
}

void Poller::answer_doorbell() {
  std::uint64_t rings = 0;
  woken_ |= ::read(doorbell_.get(), &rings, sizeof rings) == sizeof rings;
}

std::optional<std::uint64_t> Poller::next() {
  while (next_ < count_) {
    const std::uint64_t tag = events_[next_++].data.u64;
    if (tag != kDoorbell) return tag;
    answer_doorbell();
  }
  return std::nullopt;
}

bool Poller::take_woken() { return std::exchange(woken_, false); }

}  // namespace netmem
