// netmem send --udp. One thread, main's.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/arguments.h"
#include "tools/datagram_sender.h"

namespace netmem::tool {

struct DatagramArguments {
  std::string udp;
  std::uint64_t rate = 0;
  std::size_t size = DatagramSender::kDefaultSize;
  std::optional<std::uint64_t> count;
};
// What to send, with --connect and --udp.
struct SourceArguments {
  std::string input;
  std::optional<std::uint64_t> bytes;
  std::uint64_t seed = 0;
};

// --udp is added by whoever adds its alternative.
void add_datagrams(CLI::App& command, DatagramArguments& arguments);
// Throws a usage error. REQUIRES: --udp was given.
void check_datagrams(const CLI::App& command, const DatagramArguments& arguments);
// The program's exit code.
int send_datagrams(const DatagramArguments& arguments, const SourceArguments& what, const CommonArguments& common);

}  // namespace netmem::tool
