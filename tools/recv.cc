// netmem recv: connections (recv_connections) or packets of an interface (recv_packets).
#include <algorithm>
#include <bit>
#include <memory>

#include "netmem/base/units.h"
#include "netmem/core/region.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/recv_connections.h"
#include "tools/recv_packets.h"

namespace netmem::tool {
namespace {

constexpr const char* kExamples = R"(Examples:
  netmem recv --listen :9000 --output copy.bin
  netmem recv --listen [::1]:9000 --memory udmabuf:64M --digest sha256
  netmem recv --listen :9000 --connections 64 --output received/ --timeout 30s --json
  netmem recv --listen :9000 --memory huge:1G --page-size 2M --digest none
  netmem recv --listen :9000 --memory opencl:0.0:64M --output copy.bin
  netmem recv --listen :9000 --memory cuda:0:1G --placement contiguous --message 1M
  netmem recv --listen :9000 --output - | tar x
  netmem recv --interface eth0 --udp 9000 --count 1000 --output payload.bin
  netmem recv --interface eth0 --any --queue 0 --pcap capture.pcapng --digest none

MEMORY is KIND:SIZE. Device memory, which the program cannot read but through the copy engine: memfd and
udmabuf; opencl, of an OpenCL device (opencl:PLATFORM.DEVICE:SIZE for that one); cuda:N:SIZE, of NVIDIA
GPU N. Host memory: host, huge, huge_split and huge_1g. Without --output the bytes are dropped once their
digest is known; with --digest none, too, they are never read. With --output - the summary goes to
standard error. A file appears under its name only when it is complete.

--interface takes packets off the kernel's path, through AF_XDP; everything else stays the kernel's. Without
--count it ends with ^C. With --split on the payload goes to MEMORY (of this size for each queue), headers
stay in the host memory of --frames. In a directory each queue gets a file, queue-0.bin and so on.)";

constexpr const char* kMemory = "memfd:256M";

// `memory` is empty where nothing was asked for: then kMemory, of packets kPacketMemory.
struct RecvArguments : ConnectionArguments {
  std::string placement = "pages";
  PacketArguments packets;
};

void add_from_where(CLI::App& command, RecvArguments& arguments) {
  CLI::Option_group* where = command.add_option_group("From where");
  where
      ->add_option("--listen", arguments.listen,
                   "connections: 127.0.0.1:9000, [::1]:9000, localhost:9000, :9000; port 0: any")
      ->type_name("ADDR:PORT");
  where->add_option("--interface", arguments.packets.xdp.interface, "packets of a network interface")->type_name("IF");
  where->require_option(1);
}

void add_arguments(CLI::App& command, RecvArguments& arguments) {
  command
      .add_option(
          "--memory", arguments.memory,
          "memfd, udmabuf, opencl, cuda, host, huge, huge_split or huge_1g, and a size (default memfd:256M; of an "
          "interface memfd:64M for each queue)")
      ->type_name("KIND:SIZE");
  command.add_option("--page-size", arguments.page_size, "a power of two from 4K to 1G (default 4K)")
      ->type_name("SIZE")
      ->transform(page_size_argument());
  command
      .add_option(
          "--landing", arguments.landing,
          "direct: the kernel writes the pages; staged: through host memory and the copy engine; auto (default)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "direct", "staged"}));
  command
      .add_option("--placement", arguments.placement,
                  "pages: bytes go into pages as they come (default); contiguous: each message in one piece")
      ->type_name("NAME")
      ->check(CLI::IsMember({"pages", "contiguous"}));
  command
      .add_option("--message", arguments.message,
                  "of --placement contiguous: bytes of each message of a connection; pages are made to hold one")
      ->type_name("SIZE")
      ->transform(size_argument());
  add_duration(command, "--timeout", arguments.timeout,
               "ends a connection that sends nothing for so long, as in 30s, 500ms or 5m (default: never)");
  add_duration(command, "--message-timeout", arguments.message_timeout,
               "of --placement contiguous: ends a connection whose message takes longer (default: never)");
  command
      .add_option("--output", arguments.output,
                  "a file, a directory (connection-1.bin and so on), or - for standard output (default: nowhere)")
      ->type_name("FILE|DIR|-");
  add_common(command, arguments.common);
}

int run_recv_packets(const CLI::App& command, const RecvArguments& arguments) {
  check_packets(command, arguments.packets, arguments.output);
  return recv_packets(arguments.packets, {.memory = arguments.memory.empty() ? kPacketMemory : arguments.memory,
                                          .page_size = arguments.page_size,
                                          .output = arguments.output,
                                          .digest = arguments.common.digest_kind(),
                                          .json = arguments.common.json});
}

// --placement and --message go together, and the pages are as large as a message needs them.
void place_messages(const CLI::App& command, RecvArguments& arguments) {
  const bool contiguous = arguments.placement == "contiguous";
  if (contiguous && arguments.message == 0)
    throw CLI::ValidationError("--placement contiguous", "say how large a message is: --message SIZE, at least 1");
  for (const char* name : {"--message", "--message-timeout"})
    if (!contiguous && command.count(name) != 0) throw CLI::ValidationError(name, "goes with --placement contiguous");
  if (!contiguous || command.count("--page-size") != 0) return;
  constexpr std::size_t kLargest = std::size_t{1} << kLargestPageShift;
  if (arguments.message > kLargest)
    throw CLI::ValidationError("--message", "no page holds more than " + format_size(kLargest));
  arguments.page_size = std::max(arguments.page_size, std::bit_ceil(arguments.message));
}

int run_recv_connections(const CLI::App& command, RecvArguments& arguments) {
  place_messages(command, arguments);
  if (arguments.memory.empty()) arguments.memory = kMemory;
  Result<OutputPlan> outputs = OutputPlan::parse(arguments.output, arguments.common.connections);
  if (!outputs) throw CLI::ValidationError("--output", outputs.error().message());
  return recv_connections(arguments, std::move(*outputs));
}

}  // namespace

void add_recv(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("recv", "receive connections, or packets, into pages, device memory included");
  auto arguments = std::make_shared<RecvArguments>();
  add_from_where(*command, *arguments);
  add_packets(*command, arguments->packets);
  add_arguments(*command, *arguments);
  command->footer(kExamples);
  command->callback([arguments, &exit_code, command] {
    exit_code =
        arguments->listen.empty() ? run_recv_packets(*command, *arguments) : run_recv_connections(*command, *arguments);
  });
}

}  // namespace netmem::tool
