#include "netmem/ports/tcp/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

namespace netmem {
namespace {

// include/net/tcp.h: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT.
constexpr std::chrono::seconds kLongest{32767};
constexpr int kMostProbes = 127;

bool set(int socket, int level, int option, int value) {
  return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

bool is_tcp(int socket) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return ::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

bool set_keep_alive(int socket, const KeepAlive& keep_alive) {
  return set(socket, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(keep_alive.idle.count())) &&
         set(socket, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(keep_alive.interval.count())) &&
         set(socket, IPPROTO_TCP, TCP_KEEPCNT, keep_alive.probes) && set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
}

}  // namespace

Result<void> check_keep_alive(const KeepAlive& keep_alive) {
  const auto in_range = [](std::chrono::seconds time) { return time.count() >= 1 && time <= kLongest; };
  if (keep_alive.idle.count() == 0) return {};
  if (in_range(keep_alive.idle) && in_range(keep_alive.interval) && keep_alive.probes >= 1 &&
      keep_alive.probes <= kMostProbes)
    return {};
  return refused("open a tcp port", "the kernel takes no such TcpOptions::keep_alive",
                 "idle and interval are 1 to " + std::to_string(kLongest.count()) + " seconds, probes 1 to " +
                     std::to_string(kMostProbes) + "; idle 0 is none");
}

Result<void> prepare_stream_socket(int socket, const KeepAlive& keep_alive) {
  set(socket, SOL_SOCKET, SO_PEEK_OFF, -1);  // not every family has it
  if (!set(socket, SOL_SOCKET, SO_OOBINLINE, 1) || !set(socket, SOL_SOCKET, SO_RCVLOWAT, 1))
    return system_error("set the options of a stream socket");
  if (keep_alive.idle.count() != 0 && is_tcp(socket) && !set_keep_alive(socket, keep_alive))
    return system_error("turn keepalive on", "set TcpOptions::keep_alive.idle to 0");
  return {};
}

}  // namespace netmem
