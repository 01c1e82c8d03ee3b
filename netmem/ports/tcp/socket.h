// The socket options of a port's connections: what keeps bytes from vanishing, and what notices a peer that has
// vanished. What a listening socket has, the connections that come through it inherit, before their first byte. Any
// thread.
#pragma once

#include "netmem/base/error.h"
#include "netmem/ports/tcp/port.h"

namespace netmem {

// Refuses what the kernel would not take.
Result<void> check_keep_alive(const KeepAlive& keep_alive);

// A listening or a connected stream socket; other families than TCP's get what they have.
//   SO_OOBINLINE   urgent bytes stay in the stream; without it the kernel takes the last of them out
//   SO_RCVLOWAT    epoll reports one byte already; a socket that the program hands over may ask for more
//   SO_PEEK_OFF    looking at the next byte looks at the next one, also on a socket that is handed over
//   SO_KEEPALIVE   as `keep_alive` says
// Not TCP_USER_TIMEOUT: the port sends nothing that could wait for an acknowledgement, and the option would take the
// place of KeepAlive::probes (tcp_keepalive_timer, net/ipv4/tcp_timer.c).
Result<void> prepare_stream_socket(int socket, const KeepAlive& keep_alive);

}  // namespace netmem
