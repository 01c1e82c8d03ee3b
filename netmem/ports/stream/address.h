// Addresses as people write them, and the kernel's form of them.
//
//   "127.0.0.1:9000"   "[::1]:9000"   "[fe80::1%eth0]:9000"   "localhost:9000"   ":9000" (every address of this
//   machine)
//
// Values; any thread. resolve() may ask a name server and take its time.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "netmem/base/error.h"
#include "netmem/base/fd.h"

namespace netmem {

struct HostPort {
  std::string host;  // without brackets; empty: every address to listen on, this machine to connect to
  std::uint16_t port = 0;
};
NETMEM_EXPORT Result<HostPort> parse_address(std::string_view text);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] std::uint16_t port() const;  // 0 for what is neither IPv4 nor IPv6
  void set_port(std::uint16_t port);
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "127.0.0.1:9000", "[::1]:9000"; an IPv4 peer of an IPv6 socket is written as IPv4; "unix socket" for those.
NETMEM_EXPORT std::string format_address(const SocketAddress& address);

enum class AddressUse : std::uint8_t { listen, connect };
// The addresses that `text` stands for, in the system's order of preference; at least one.
NETMEM_EXPORT Result<std::vector<SocketAddress>> resolve_address(const std::string& text, AddressUse use);

// A connected TCP socket (close-on-exec, blocking); tries each address of the name in turn.
NETMEM_EXPORT Result<Fd> connect_to(const std::string& address);

// What the two ends of a socket are called.
NETMEM_EXPORT SocketAddress local_address(int socket);
NETMEM_EXPORT SocketAddress peer_address(int socket);

}  // namespace netmem
