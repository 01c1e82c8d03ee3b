#include "netmem/ports/tcp/acceptor.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "netmem/ports/stream/address.h"
#include "netmem/ports/tcp/socket.h"

namespace netmem {
namespace {

constexpr std::chrono::milliseconds kPause{100};

std::string advice_for(int code, std::uint16_t port) {
  const std::string number = std::to_string(port);
  if (code == EADDRINUSE)
    return "choose another port, or end the program that has it (ss -ltnp sport = :" + number + ")";
  if (code == EACCES) return "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose one above";
  if (code == EADDRNOTAVAIL) return "use an address of this machine (ip address shows them)";
  if (code == EMFILE) return "raise the open file limit (ulimit -n)";
  return {};
}

Result<Fd> listen_on(const SocketAddress& address, bool dual_stack) {
  const auto failed = [&] {
    const int code = errno;
    return system_error("listen on " + format_address(address), advice_for(code, address.port()), code);
  };
  Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed();
  const int yes = 1;
  const int only_six = dual_stack ? 0 : 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) return failed();
  if (address.family() == AF_INET6 &&
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_six, sizeof only_six) != 0)
    return failed();
  if (::bind(socket.get(), address.get(), address.size) != 0) return failed();
  if (::listen(socket.get(), SOMAXCONN) != 0) return failed();
  return socket;
}

// Names may stand for addresses that this machine lacks, as localhost does without IPv6.
bool is_absent(const Error& error) { return error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL; }

// With `every_address` the first that works will do: an IPv6 socket that takes IPv4 too, or IPv4 where there is no
// IPv6.
Result<std::vector<Fd>> listen_on_all(std::vector<SocketAddress> addresses, bool every_address) {
  if (every_address) std::ranges::partition(addresses, [](const auto& one) { return one.family() == AF_INET6; });
  std::vector<Fd> sockets;
  std::optional<Error> absent;
  std::uint16_t port = addresses.front().port();
  for (SocketAddress& address : addresses) {
    address.set_port(port);  // what the kernel chose for the first holds for all
    auto socket = listen_on(address, every_address);
    if (!socket && !is_absent(socket.error())) return std::unexpected(socket.error());
    if (!socket) {
      absent = socket.error();
      continue;
    }
    port = local_address(socket->get()).port();
    sockets.push_back(std::move(*socket));
    if (every_address) break;
  }
  if (sockets.empty()) return std::unexpected(*absent);
  return sockets;
}

}  // namespace

Result<void> Acceptor::listen(const std::string& address, Poller& poller) {
  auto addresses = resolve_address(address, AddressUse::listen);
  if (!addresses) return std::unexpected(addresses.error());
  auto sockets = listen_on_all(std::move(*addresses), address.starts_with(':'));
  if (!sockets) return std::unexpected(sockets.error());
  for (Fd& socket : *sockets) {
    if (auto prepared = prepare_stream_socket(socket.get(), keep_alive_); !prepared) return prepared;
    if (auto added = poller.add(socket.get(), 1 + listeners_.size()); !added) return added;
    const SocketAddress local = local_address(socket.get());
    last_port_ = local.port();
    listeners_.push_back({std::move(socket), format_address(local), true});
  }
  return {};
}

std::optional<Acceptor::Accepted> Acceptor::try_accept(std::uint64_t tag, Poller& poller) {
  const Listener& listener = listeners_[tag - 1];
  if (!listener.watched) return std::nullopt;
  for (;;) {
    SocketAddress peer;
    Fd socket(::accept4(listener.socket.get(), peer.get(), &peer.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) return Accepted{std::move(socket), format_address(peer)};
    if (errno == EAGAIN) return std::nullopt;
    // accept(2): errors that belong to the connection, which is gone, not to the listening socket.
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == EPERM) continue;
    pause(poller);
    return std::nullopt;
  }
}

void Acceptor::pause(Poller& poller) {
  ++pauses_;
  resume_at_ = std::chrono::steady_clock::now() + kPause;
  for (Listener& listener : listeners_)
    if (std::exchange(listener.watched, false)) poller.remove(listener.socket.get());
}

int Acceptor::resume(Poller& poller) {
  if (!resume_at_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*resume_at_ - std::chrono::steady_clock::now());
  if (left.count() > 0) return static_cast<int>(left.count());
  bool all = true;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    if (!listener.watched) listener.watched = poller.add(listener.socket.get(), 1 + i).has_value();
    all &= listener.watched;
  }
  if (all) {
    resume_at_.reset();
    return -1;
  }
  resume_at_ = std::chrono::steady_clock::now() + kPause;
  return static_cast<int>(kPause.count());
}

std::string Acceptor::describe() const {
  std::string text;
  for (const Listener& listener : listeners_) text += (text.empty() ? "" : ", ") + listener.name;
  return text.empty() ? "not listening" : text;
}

}  // namespace netmem
