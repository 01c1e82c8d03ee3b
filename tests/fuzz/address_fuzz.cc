// HOST:PORT: what is understood survives being written again. Names are never looked up, numbers go to the kernel's
// form and back.

#include <arpa/inet.h>

#include "netmem/ports/stream/address.h"
#include "tests/fuzz/properties.h"

namespace {

using netmem::HostPort;

bool is_number(const std::string& host) {
  in6_addr room{};
  return ::inet_pton(AF_INET, host.c_str(), &room) == 1 || ::inet_pton(AF_INET6, host.c_str(), &room) == 1;
}

std::string written(const HostPort& address) {
  const bool six = address.host.find(':') != std::string::npos;
  return (six ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

void check_understood(std::string_view text, const HostPort& address) {
  const auto colon = text.rfind(':');
  NETMEM_CHECK(colon != std::string_view::npos && colon + 1 < text.size() &&
                   text.find_first_not_of("0123456789", colon + 1) == std::string_view::npos,
               "no number behind the last colon, but port %d", address.port);
  NETMEM_CHECK(std::none_of(address.host.begin(), address.host.end(),
                            [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f || c == '[' || c == ']'; }),
               "the host %s has characters that no name has", address.host.c_str());
  const auto again = netmem::parse_address(written(address));
  NETMEM_CHECK(again && again->host == address.host && again->port == address.port, "%s does not survive",
               written(address).c_str());
}

// The first address that a numeric text stands for, as text.
std::string through_kernel_form(const std::string& text) {
  const auto found = netmem::resolve_address(text, netmem::AddressUse::listen);
  NETMEM_CHECK(found && !found->empty(), "%s is a number and is not found", text.c_str());
  return netmem::format_address(found->front());
}

void check_number(const HostPort& address) {
  const std::string once = through_kernel_form(written(address));
  const auto parsed = netmem::parse_address(once);
  NETMEM_CHECK(parsed && parsed->port == address.port && is_number(parsed->host), "%s became %s",
               written(address).c_str(), once.c_str());
  NETMEM_CHECK(through_kernel_form(once) == once, "%s does not survive", once.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = netmem::fuzz::as_text(data, size);
  const auto address = netmem::parse_address(text);
  if (!address) {
    netmem::fuzz::check_error(address.error());
    return 0;
  }
  check_understood(text, *address);
  if (is_number(address->host)) check_number(*address);
  return 0;
}
