#include "tools/datagram_sender.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "netmem/ports/stream/address.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

// The kernel says when a socket has room again, but not when a device's queue has.
constexpr std::chrono::milliseconds kFullQueueWait{1};
constexpr std::chrono::seconds kRoomWait{1};

const char* advice_for(int code) {
  switch (code) {
    case ECONNREFUSED:
      return "nobody receives on that port there: start the receiver first";
    case EMSGSIZE:
      return "choose a smaller --size";
    case EPERM:
      return "a firewall forbids it";
    case EACCES:
      return "a firewall or route forbids it, or the address is a broadcast address";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case EINVAL:
      return "check the address, the route to it and the firewalls on the way";
    case ENETDOWN:
      return "bring the interface up";
    case EMFILE:
      return "raise the open file limit (ulimit -n)";
    default:
      return "";
  }
}

Result<UdpSocket> try_address(const SocketAddress& address) {
  UdpSocket made;
  made.peer = format_address(address);
  const std::string attempted = "send datagrams to " + made.peer;
  made.socket = Fd(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.socket || ::connect(made.socket.get(), address.get(), address.size) != 0) {
    const int code = errno;
    return system_error(attempted, advice_for(code), code);
  }
  return made;
}

}  // namespace

std::size_t UdpSocket::most_in_one_piece() const {
  const bool six = local_address(socket.get()).family() == AF_INET6;
  int mtu = 0;
  socklen_t size = sizeof mtu;
  const int status = six ? ::getsockopt(socket.get(), IPPROTO_IPV6, IPV6_MTU, &mtu, &size)
                         : ::getsockopt(socket.get(), IPPROTO_IP, IP_MTU, &mtu, &size);
  const int headers = six ? 48 : 28;
  return status == 0 && mtu > headers ? static_cast<std::size_t>(mtu - headers) : 0;
}

Result<UdpSocket> open_udp(const std::string& address) {
  const Result<std::vector<SocketAddress>> candidates = resolve_address(address, AddressUse::connect);
  if (!candidates) return std::unexpected(candidates.error());
  Result<UdpSocket> last = refused("send datagrams to " + address, "the name has no address");
  for (const SocketAddress& candidate : *candidates)
    if (last = try_address(candidate); last) break;
  return last;
}

DatagramSender::DatagramSender(UdpSocket socket, std::unique_ptr<Source> source, const Plan& plan)
    : socket_(std::move(socket)),
      source_(std::move(source)),
      plan_(plan),
      digest_(make_digest(plan.digest)),
      buffer_(std::max(kBatch * plan.size, std::size_t{64} * 1024)),
      pieces_(kBatch),
      messages_(kBatch),
      most_in_one_piece_(socket_.most_in_one_piece()) {
  report_.number = 1;
  report_.peer = socket_.peer;
}

std::optional<std::uint64_t> DatagramSender::total() const {
  std::optional<std::uint64_t> total = source_->total();
  if (plan_.count && total && *total / std::max<std::size_t>(plan_.size, 1) > *plan_.count)
    total = *plan_.count * plan_.size;
  return total;
}

void DatagramSender::run() {
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // this thread's: the usual 50 us are half a short wait
  const Clock::time_point started = Clock::now();
  const Result<void> outcome = transfer();
  report_.bytes = bytes();
  report_.seconds = std::chrono::duration<double>(Clock::now() - started).count();
  if (!outcome) {
    report_.error = outcome.error().message();
  } else if (digest_) {
    report_.digest = digest_->hex();
  }
  socket_.socket.reset();
}

Result<void> DatagramSender::transfer() {
  Pacer pacer(plan_.rate, Clock::now());
  while (!plan_.count || datagrams() < *plan_.count) {
    if (StopSignal::requested()) return failed(EINTR);
    const Clock::time_point now = Clock::now();
    std::size_t most = pacer.allowed(now, kBatch);
    if (most == 0) {
      if (Result<void> waited = wait(0, pacer.next(now)); !waited) return waited;
      continue;
    }
    if (plan_.count) most = static_cast<std::size_t>(std::min<std::uint64_t>(most, *plan_.count - datagrams()));
    const Result<std::size_t> count = prepare(most);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) break;
    if (Result<void> sent = send_all(*count); !sent) return sent;
    pacer.sent(*count);
  }
  // Errors that came back for the last datagrams wait in the socket.
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket_.socket.get(), SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) return failed(code);
  return {};
}

Result<std::size_t> DatagramSender::prepare(std::size_t most) {
  while (end_ - begin_ < plan_.size && !source_ended_)
    if (Result<void> more = read_more(); !more) return std::unexpected(more.error());
  std::size_t count = 0;
  for (std::size_t at = begin_; count < most; ++count) {
    const std::size_t size = std::min(plan_.size, end_ - at);
    if (size < plan_.size && !(source_ended_ && size > 0)) break;
    pieces_[count] = {buffer_.data() + at, size};
    messages_[count] = {};
    messages_[count].msg_hdr.msg_iov = &pieces_[count];
    messages_[count].msg_hdr.msg_iovlen = 1;
    at += size;
  }
  return count;
}

Result<void> DatagramSender::read_more() {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const Result<std::size_t> count = source_->read(std::span(buffer_).subspan(end_));
  if (!count) return std::unexpected(count.error());
  end_ += *count;
  source_ended_ = *count == 0;
  return {};
}

Result<void> DatagramSender::send_all(std::size_t count) {
  for (std::size_t done = 0; done < count;) {
    if (StopSignal::requested()) return failed(EINTR);
    const int sent =
        ::sendmmsg(socket_.socket.get(), messages_.data() + done, static_cast<unsigned>(count - done), MSG_NOSIGNAL);
    if (sent > 0) {
      for (int i = 0; i < sent; ++i) count_sent(done++);
    } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
      if (Result<void> room = wait_for_room(errno); !room) return room;
    } else if (errno != EINTR) {
      return failed(errno);
    }
  }
  return {};
}

void DatagramSender::count_sent(std::size_t index) {
  const iovec& piece = pieces_[index];
  if (digest_) digest_->update({static_cast<const std::byte*>(piece.iov_base), piece.iov_len});
  begin_ += piece.iov_len;
  datagrams_.store(datagrams() + 1, std::memory_order_relaxed);
  bytes_.store(bytes() + piece.iov_len, std::memory_order_relaxed);
}

Result<void> DatagramSender::wait_for_room(int code) {
  ++waited_;
  if (code == EAGAIN) return wait(POLLOUT, Clock::now() + kRoomWait);
  return wait(0, Clock::now() + kFullQueueWait);
}

Result<void> DatagramSender::wait(short events, Clock::time_point until) const {
  const auto left = std::max(std::chrono::nanoseconds(until - Clock::now()), std::chrono::nanoseconds(0));
  const timespec timeout{static_cast<time_t>(left.count() / 1'000'000'000), left.count() % 1'000'000'000};
  // A negative descriptor is not watched: an error that waits in the socket must not end the wait for the next tick.
  const int socket = events == 0 ? -1 : socket_.socket.get();
  std::array<pollfd, 2> wait = {pollfd{StopSignal::fd(), POLLIN, 0}, pollfd{socket, events, 0}};
  if (::ppoll(wait.data(), wait.size(), &timeout, nullptr) < 0 && errno != EINTR) return failed(errno);
  if (StopSignal::requested()) return failed(EINTR);
  return {};
}

std::unexpected<Error> DatagramSender::failed(int code) const {
  const std::string attempted = "send datagrams to " + socket_.peer;
  if (code == EINTR) return refused(attempted, "interrupted");
  if (code == EMSGSIZE) {
    std::string advice = advice_for(code);
    if (most_in_one_piece_ != 0) advice += ": " + std::to_string(most_in_one_piece_) + " bytes go in one piece";
    return system_error("send a datagram of " + std::to_string(plan_.size) + " bytes to " + socket_.peer, advice, code);
  }
  return system_error(attempted, advice_for(code), code);
}

}  // namespace netmem::tool
