#include "tools/sender.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <utility>
#include <vector>

#include "netmem/base/units.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

using Clock = std::chrono::steady_clock;

// How often the socket is asked whether the peer has everything: nothing wakes us for that.
constexpr std::chrono::milliseconds kAcknowledgePoll{5};

// Bytes that the peer has not acknowledged.
int unacknowledged(int socket) {
  int queued = 0;
  return ::ioctl(socket, SIOCOUTQ, &queued) == 0 ? queued : -1;
}

}  // namespace

Sender::Sender(unsigned number, Connected connection, std::unique_ptr<Source> source, DigestKind digest,
               std::chrono::milliseconds timeout)
    : connection_(std::move(connection)), source_(std::move(source)), digest_(make_digest(digest)), timeout_(timeout) {
  report_.number = number;
  report_.peer = connection_.peer;
}

void Sender::run() {
  const Clock::time_point started = Clock::now();
  const Result<void> outcome = transfer();
  report_.bytes = bytes();
  report_.seconds = std::chrono::duration<double>((outcome ? delivered_ : Clock::now()) - started).count();
  if (!outcome) {
    report_.error = outcome.error().message();
    // A reset instead of an orderly end: the receiver must not take a part for the whole.
    const linger reset{1, 0};
    ::setsockopt(connection_.socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  } else if (digest_) {
    report_.digest = digest_->hex();
  }
  connection_.socket.reset();
}

Result<void> Sender::transfer() {
  std::vector<std::byte> block(kBlock);
  while (true) {
    const Result<std::size_t> count = source_->read(block);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) break;
    const auto bytes = std::span<const std::byte>(block).first(*count);
    if (digest_) digest_->update(bytes);
    if (Result<void> sent = send_all(bytes); !sent) return sent;
  }
  if (source_->total() && bytes() < *source_->total())
    return refused("send the whole input", "it became shorter meanwhile", "send it again");
  if (::shutdown(connection_.socket.get(), SHUT_WR) != 0) return failed(errno);
  return wait_for_receiver();
}

Result<void> Sender::send_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (StopSignal::requested()) return failed(EINTR);
    const ssize_t count = ::send(connection_.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      bytes_.store(bytes_.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(count),
                   std::memory_order_relaxed);
    } else if (errno == EAGAIN) {
      const int wait = timeout_.count() == 0 ? -1 : static_cast<int>(timeout_.count());
      const Result<bool> ready = wait_until_ready(POLLOUT, wait);
      if (!ready) return std::unexpected(ready.error());
      if (!*ready) return timed_out();
    } else if (errno != EINTR) {
      return failed(errno);
    }
  }
  return {};
}

Result<void> Sender::wait_for_receiver() {
  bool peer_ended = false;
  bool acknowledged = false;
  int left = 0;
  Clock::time_point progress = Clock::now();
  while (true) {
    if (!acknowledged) {
      const int now_left = unacknowledged(connection_.socket.get());
      acknowledged = now_left == 0;
      const Clock::time_point now = Clock::now();
      if (acknowledged) delivered_ = now;
      if (std::exchange(left, now_left) != now_left) progress = now;
      if (!acknowledged && timeout_.count() != 0 && now - progress >= timeout_) return timed_out();
    }
    if (acknowledged && (peer_ended || Clock::now() - delivered_ >= kCloseWait)) return {};
    // A peer that has ended but does not have everything yet has only half-closed; its end would wake us all the time.
    const std::chrono::milliseconds wait = acknowledged ? kCloseWait : kAcknowledgePoll;
    if (const Result<bool> ready = wait_until_ready(peer_ended ? 0 : POLLIN, static_cast<int>(wait.count())); !ready)
      return std::unexpected(ready.error());
    const Result<bool> ended = peer_ended ? true : read_end();
    if (!ended) return std::unexpected(ended.error());
    peer_ended = *ended;
  }
}

Result<bool> Sender::read_end() const {
  std::array<std::byte, 4096> unwanted;
  const ssize_t count = ::recv(connection_.socket.get(), unwanted.data(), unwanted.size(), MSG_DONTWAIT);
  if (count < 0 && errno != EAGAIN && errno != EINTR) return failed(errno);
  return count == 0;
}

Result<bool> Sender::wait_until_ready(short events, int timeout_ms) const {
  std::array<pollfd, 2> wait = {pollfd{connection_.socket.get(), events, 0}, pollfd{StopSignal::fd(), POLLIN, 0}};
  const int ready = ::poll(wait.data(), wait.size(), timeout_ms);
  if (ready < 0 && errno != EINTR) return failed(errno);
  if (StopSignal::requested()) return failed(EINTR);
  return ready != 0;
}

std::unexpected<Error> Sender::timed_out() const {
  return refused("send to " + connection_.peer, "it took nothing for " + format_duration(timeout_),
                 "see what the receiver does, or allow more time (--timeout)");
}

std::unexpected<Error> Sender::failed(int code) const {
  const std::string attempted = "send to " + connection_.peer;
  if (code == EINTR) return refused(attempted, "interrupted");
  if (code == ECONNRESET || code == EPIPE || code == ENOTCONN)
    return system_error(attempted, "see what the receiver says", ECONNRESET);
  return system_error(attempted, "", code);
}

}  // namespace netmem::tool
