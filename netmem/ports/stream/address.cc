#include "netmem/ports/stream/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "netmem/base/quote.h"

namespace netmem {
namespace {

constexpr const char* kHowToWrite = "write HOST:PORT, [IPV6]:PORT or :PORT, as in 127.0.0.1:9000";

// 0 to 65535 in decimal; nothing for everything else.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = status == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(port) : std::nullopt;
}

// Not in names, and, but for brackets, nothing that a message could show.
bool in_no_name(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= ' ' || byte == 0x7f || c == '[' || c == ']';
}

// IPv4 inside IPv6 (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2) as plain IPv4.
SocketAddress unmapped(const SocketAddress& address) {
  if (address.family() != AF_INET6) return address;
  sockaddr_in6 six;
  std::memcpy(&six, &address.storage, sizeof six);
  if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) return address;
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = six.sin6_port;
  std::memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, sizeof four.sin_addr);
  SocketAddress result;
  std::memcpy(&result.storage, &four, sizeof four);
  result.size = sizeof four;
  return result;
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<AddressList> look_up(const HostPort& where, const std::string& text, AddressUse use) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (use == AddressUse::listen ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  const std::string port = std::to_string(where.port);
  const int status = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(), port.c_str(), &hints, &found);
  const std::string attempted = "find the address " + in_quotes(text);
  if (status == EAI_SYSTEM) return system_error(attempted);
  if (status != 0) return refused(attempted, ::gai_strerror(status), "check the name, or write the address in numbers");
  return AddressList(found, &::freeaddrinfo);
}

}  // namespace

std::uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

void SocketAddress::set_port(std::uint16_t port) {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
}

Result<HostPort> parse_address(std::string_view text) {
  const auto bad = [&](const char* why) {
    return refused("read " + in_quotes(text) + " as an address", why, kHowToWrite);
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("it has no port");
  std::string_view host = text.substr(0, colon);
  const auto port = parse_port(text.substr(colon + 1));
  if (host.starts_with('[')) {
    if (host.size() < 3 || !host.ends_with(']')) return bad("its brackets hold no IPv6 address followed by a port");
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return bad("its brackets hold no IPv6 address");
  } else if (host.find(':') != std::string_view::npos) {
    return bad("an IPv6 address needs brackets");
  }
  if (std::any_of(host.begin(), host.end(), in_no_name)) return bad("its host has characters that no name has");
  if (!port) return bad("its port is no number from 0 to 65535");
  return HostPort{std::string(host), *port};
}

std::string format_address(const SocketAddress& address) {
  if (address.family() == AF_UNIX) return "unix socket";
  const SocketAddress plain = unmapped(address);
  char host[NI_MAXHOST];
  if (::getnameinfo(plain.get(), plain.size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0)
    return "unknown address";
  const std::string port = std::to_string(plain.port());
  return plain.family() == AF_INET6 ? "[" + std::string(host) + "]:" + port : std::string(host) + ":" + port;
}

Result<std::vector<SocketAddress>> resolve_address(const std::string& text, AddressUse use) {
  auto where = parse_address(text);
  if (!where) return std::unexpected(where.error());
  if (use == AddressUse::connect && where->port == 0)
    return refused("connect to " + text, "port 0 is no port that anybody listens on", kHowToWrite);
  auto list = look_up(*where, text, use);
  if (!list) return std::unexpected(list.error());
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = list->get(); one != nullptr; one = one->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
  }
  return addresses;
}

Result<Fd> connect_to(const std::string& address) {
  auto addresses = resolve_address(address, AddressUse::connect);
  if (!addresses) return std::unexpected(addresses.error());
  int code = 0;
  for (const SocketAddress& one : *addresses) {
    Fd socket(::socket(one.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket && ::connect(socket.get(), one.get(), one.size) == 0) return socket;
    code = errno;
  }
  return system_error("connect to " + address, code == ECONNREFUSED ? "start the receiver first" : "", code);
}

SocketAddress local_address(int socket) {
  SocketAddress address;
  if (::getsockname(socket, address.get(), &address.size) != 0) address = {};
  return address;
}

SocketAddress peer_address(int socket) {
  SocketAddress address;
  if (::getpeername(socket, address.get(), &address.size) != 0) address = {};
  return address;
}

}  // namespace netmem
