// netmem recv: connections received into pages of any memory, and read back for files and digests. What it receives
// from an interface instead is in recv_packets.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "netmem/base/units.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/tcp_port.h"
#include "netmem/providers/host.h"
#include "netmem/providers/memory_spec.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/receiver.h"
#include "tools/recv_packets.h"
#include "tools/report.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

constexpr const char* kExamples = R"(Examples:
  netmem recv --listen :9000 --output copy.bin
  netmem recv --listen [::1]:9000 --memory udmabuf:64M --digest sha256
  netmem recv --listen :9000 --connections 64 --output received/ --json
  netmem recv --listen :9000 --memory huge:1G --page-size 2M --digest none
  netmem recv --listen :9000 --output - | tar x
  netmem recv --interface eth0 --udp 9000 --count 1000 --output payload.bin
  netmem recv --interface eth0 --any --queue 0 --pcap capture.pcapng --digest none

MEMORY is KIND:SIZE: memfd and udmabuf are device memory, which the program cannot read but through the
copy engine; host, huge, huge_split and huge_1g are host memory. Without --output the bytes are dropped
once their digest is known; with --digest none, too, they are never read. With --output - the summary goes
to standard error. A file appears under its name only when it is complete.

--interface takes packets off the kernel's path, through AF_XDP; everything else stays the kernel's. Without
--count it ends with ^C. With --split on the payload goes to MEMORY (of this size for each queue), headers
stay in the host memory of --frames. In a directory each queue gets a file, queue-0.bin and so on.)";

constexpr const char* kMemory = "memfd:256M";
// The second pool of `staged` landing.
constexpr std::size_t kStagingSize = 4 * MiB;

struct RecvArguments {
  std::string listen;
  PacketArguments packets;
  std::string memory;  // by default kMemory, of packets kPacketMemory
  std::size_t page_size = 4096;
  std::string landing = "auto";
  std::string output;
  CommonArguments common;
};

// What receiving needs, in the order of creation; destroyed from the last to the first.
struct Machinery {
  std::shared_ptr<MemoryProvider> memory;
  std::size_t region_pages = 0;
  PagePoolPtr pool;
  PagePoolPtr staging;  // null for direct landing
  std::unique_ptr<TcpPort> port;
};

Landing parse_landing(const std::string& name) {
  if (name == "direct") return Landing::direct;
  return name == "staged" ? Landing::staged : Landing::automatic;
}

const char* landing_name(Landing landing) {
  return landing == Landing::direct ? "direct" : landing == Landing::staged ? "staged" : "auto";
}

Result<PagePoolPtr> make_staging(std::size_t page_size) {
  HostOptions options;
  options.size = std::max(kStagingSize, 4 * page_size);
  options.page_size = page_size;
  Result<std::shared_ptr<MemoryProvider>> host = make_host_provider(std::move(options));
  if (!host) return std::unexpected(host.error());
  PoolOptions pool;
  pool.name = "staging";
  return PagePool::create(*host, std::move(pool));
}

Result<Machinery> build(const RecvArguments& arguments) {
  Machinery built;
  Result<std::shared_ptr<MemoryProvider>> memory = make_provider(arguments.memory, arguments.page_size);
  if (!memory) return std::unexpected(memory.error());
  built.memory = std::move(*memory);
  for (const Region* region : built.memory->regions()) built.region_pages += region->page_count();
  PoolOptions options;
  options.name = "recv";
  options.allow_unreadable = built.memory->is_device();
  if (built.region_pages != 0) options.ring_size = std::min<std::size_t>(1024, std::bit_ceil(built.region_pages));
  Result<PagePoolPtr> pool = PagePool::create(built.memory, std::move(options));
  if (!pool) return std::unexpected(pool.error());
  built.pool = std::move(*pool);
  TcpOptions tcp;
  tcp.landing = parse_landing(arguments.landing);
  if (tcp.landing != Landing::direct) {
    Result<PagePoolPtr> staging = make_staging(arguments.page_size);
    if (!staging) return std::unexpected(staging.error());
    built.staging = std::move(*staging);
    tcp.staging = built.staging.get();
  }
  Result<std::unique_ptr<TcpPort>> port = TcpPort::create(*built.pool, tcp);
  if (!port) return std::unexpected(port.error());
  built.port = std::move(*port);
  return built;
}

// The address that was asked for, with the port that the kernel gave.
std::string listening_address(const std::string& asked, std::uint16_t port) {
  return asked.substr(0, asked.rfind(':') + 1) + std::to_string(port);
}

// What only `recv` reports.
struct MemoryReport {
  std::string listening;
  std::string description;
  Landing landing = Landing::automatic;
  std::uint64_t turned_away = 0;
  std::vector<Counter> port;
  std::vector<Counter> provider;
  PoolCounters pool;
  std::string books;  // empty: they balance
};

// Ends the port, so that every page should be home, and recounts.
void close_books(Machinery& machinery, MemoryReport& report) {
  report.landing = machinery.port->landing();
  report.port = machinery.port->counters();
  machinery.port.reset();
  report.pool = machinery.pool->counters();
  report.provider = machinery.memory->counters();
  for (const PagePool* pool : {machinery.pool.get(), machinery.staging.get()}) {
    if (pool == nullptr) continue;
    if (const Result<void> audited = pool->audit(); !audited) report.books = audited.error().message();
    if (const std::int64_t missing = pool->counters().inflight(); missing != 0)
      report.books =
          fmt::format("cannot close the books of pool {}: {} pages are still in flight", pool->name(), missing);
  }
}

Receiver::Plan make_plan(const RecvArguments& arguments, OutputPlan& outputs, const PagePool& pool,
                         Progress& progress) {
  Receiver::Plan plan;
  plan.connections = arguments.common.connections;
  plan.digest = arguments.common.digest_kind();
  plan.outputs = &outputs;
  if (progress.shown()) {
    plan.progress = [&progress, &pool](std::uint64_t bytes) {
      if (progress.due()) progress.update(bytes, std::nullopt, pool.counters().inflight());
    };
  }
  plan.complain = [&progress](const std::string& text) {
    if (StopSignal::requested()) return;  // said once, for all
    progress.clear();
    print_error(text);
  };
  return plan;
}

TransferReport receive(const RecvArguments& arguments, OutputPlan& outputs, Machinery& machinery,
                       MemoryReport& memory) {
  Progress progress;
  Receiver receiver(*machinery.port, machinery.memory->copy_engine(),
                    make_plan(arguments, outputs, *machinery.pool, progress));
  StopSignal::on_request([](void* port) { static_cast<TcpPort*>(port)->wake(); }, machinery.port.get());
  const Result<void> outcome = receiver.run();
  StopSignal::on_request(nullptr, nullptr);
  TransferReport report;
  report.verb = "received";
  report.digest = arguments.common.digest_kind();
  report.connections = receiver.connections();
  report.seconds = receiver.seconds();
  report.interrupted = StopSignal::requested();
  if (!outcome) report.errors.push_back(outcome.error().message());
  if (report.interrupted) report.errors.emplace_back("cannot finish receiving: interrupted");
  memory.turned_away = receiver.turned_away();
  return report;
}

std::string to_text(const MemoryReport& memory) {
  const PoolCounters& pool = memory.pool;
  return fmt::format(
      "memory: {}, landing {}\npool: {} pages handed out (fast {}, refill {}, slow {}), {} in flight, {}\n",
      memory.description, landing_name(memory.landing), pool.fast + pool.refill + pool.slow + pool.slow_high_order,
      pool.fast, pool.refill, pool.slow + pool.slow_high_order, pool.inflight(),
      memory.books.empty() ? "books balance" : memory.books);
}

Json to_json(const MemoryReport& memory, const RecvArguments& arguments, const TransferReport& report) {
  Json json{{"command", "recv"},
            {"listen", memory.listening},
            {"memory", arguments.memory},
            {"memory_description", memory.description},
            {"page_size", arguments.page_size},
            {"landing", landing_name(memory.landing)}};
  json.update(tool::to_json(report));
  json["turned_away"] = memory.turned_away;
  json["pool"] = tool::to_json(memory.pool);
  json["provider"] = tool::to_json(memory.provider);
  json["port"] = tool::to_json(memory.port);
  json["books_balance"] = memory.books.empty();
  return json;
}

int print(const RecvArguments& arguments, const TransferReport& report, const MemoryReport& memory, bool aside) {
  for (const std::string& error : report.errors) print_error(error);
  const bool printed = print_report(
      arguments.common.json ? dump(to_json(memory, arguments, report)) : tool::to_text(report) + to_text(memory),
      aside);
  return printed && report.succeeded() ? kSuccess : kFailure;
}

Result<int> receive_and_report(const RecvArguments& arguments, OutputPlan outputs) {
  const StopSignal stop;
  if (Result<void> prepared = outputs.prepare(); !prepared) return std::unexpected(prepared.error());
  Result<Machinery> machinery = build(arguments);
  if (!machinery) return std::unexpected(machinery.error());
  if (Result<void> listening = machinery->port->listen(arguments.listen); !listening)
    return std::unexpected(listening.error());
  MemoryReport memory;
  memory.listening = listening_address(arguments.listen, machinery->port->local_port());
  memory.description = machinery->memory->describe();
  fmt::print(stderr, "listening on {}\n", memory.listening);
  TransferReport report = receive(arguments, outputs, *machinery, memory);
  close_books(*machinery, memory);
  if (!memory.books.empty()) report.errors.push_back(memory.books);
  return print(arguments, report, memory, outputs.is_standard_output());
}

int run_recv(const RecvArguments& arguments, OutputPlan outputs) {
  const Result<int> code = receive_and_report(arguments, std::move(outputs));
  if (code) return *code;
  print_error(code.error().message());
  return kFailure;
}

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
      .add_option("--memory", arguments.memory,
                  "memfd, udmabuf, host, huge, huge_split or huge_1g, and a size (default memfd:256M; of an interface "
                  "memfd:64M for each queue)")
      ->type_name("KIND:SIZE");
  command.add_option("--page-size", arguments.page_size, "a power of two from 4K to 2M (default 4K)")
      ->type_name("SIZE")
      ->transform(page_size_argument());
  command
      .add_option(
          "--landing", arguments.landing,
          "direct: the kernel writes the pages; staged: through host memory and the copy engine; auto (default)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "direct", "staged"}));
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

int run_recv_connections(RecvArguments& arguments) {
  if (arguments.memory.empty()) arguments.memory = kMemory;
  Result<OutputPlan> outputs = OutputPlan::parse(arguments.output, arguments.common.connections);
  if (!outputs) throw CLI::ValidationError("--output", outputs.error().message());
  return run_recv(arguments, std::move(*outputs));
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
    exit_code = arguments->listen.empty() ? run_recv_packets(*command, *arguments) : run_recv_connections(*arguments);
  });
}

}  // namespace netmem::tool
