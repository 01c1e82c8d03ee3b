// netmem recv --interface: packets of an interface, through AF_XDP. One thread, main's.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/digest.h"
#include "tools/output.h"
#include "tools/xdp_arguments.h"

namespace netmem::tool {

struct PacketArguments {
  XdpArguments xdp;
  std::optional<std::uint16_t> udp;
  std::optional<std::uint16_t> tcp_sniff;
  bool any = false;
  std::string split = "on";
  std::uint32_t coalesce = XdpOptions{}.coalesce_us;
  std::string pcap;

  [[nodiscard]] XdpMatch match() const;
};
// What recv does with bytes, wherever they come from.
struct ReceivedArguments {
  std::string memory;
  std::size_t page_size = 4096;
  std::string output;
  DigestKind digest = DigestKind::xxh3;
  bool json = false;
};

inline constexpr const char* kPacketMemory = "memfd:64M";

// --interface is added by whoever adds its alternative.
void add_packets(CLI::App& command, PacketArguments& arguments);
// Throws a usage error. REQUIRES: --interface was given.
void check_packets(const CLI::App& command, const PacketArguments& arguments, const std::string& output);
// The program's exit code.
int recv_packets(const PacketArguments& arguments, const ReceivedArguments& received);

}  // namespace netmem::tool
