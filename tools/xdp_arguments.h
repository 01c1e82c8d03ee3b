// What recv --interface and echo ask of an interface. One thread, main's.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netmem/ports/xdp/port.h"

namespace netmem::tool {

struct XdpArguments {
  std::string interface;
  std::string queue = "all";
  std::string mode = "auto";
  std::string zero_copy = "auto";
  std::string frames = "host:16M";
  std::size_t chunk = 4096;
  bool busy_poll = false;
  std::optional<std::uint64_t> count;

  [[nodiscard]] XdpMode xdp_mode() const;
  // Without `payload`.
  [[nodiscard]] XdpOptions options(unsigned queue) const;
  // The queues that are meant, of an interface that has `queues`.
  [[nodiscard]] Result<std::vector<unsigned>> chosen_queues(unsigned queues) const;
};

// --interface is added by whoever knows its alternatives; the others need it.
void add_xdp(CLI::App& command, XdpArguments& arguments);
// "1" to "65535"
CLI::Validator port_argument();

const char* mode_name(XdpMode mode);

}  // namespace netmem::tool
