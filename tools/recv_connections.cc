#include "tools/recv_connections.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "netmem/base/units.h"
#include "netmem/pool/page_pool.h"
#include "netmem/ports/tcp/port.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/spec/memory_spec.h"
#include "tools/commands.h"
#include "tools/progress.h"
#include "tools/receiver.h"
#include "tools/report.h"
#include "tools/signals.h"
#include "tools/staging_memory.h"

namespace netmem::tool {
namespace {

// The second pool of `staged` landing: as many reads as may be under way. Whatever the memory's page size: each read
// takes at least a page, and what lies in one is one copy where it goes to neighbours.
constexpr std::size_t kStagingSize = 4 * MiB;
constexpr std::size_t kStagingPage = 64 * KiB;

// What receiving needs, in the order of creation; destroyed from the last to the first.
struct Machinery {
  std::shared_ptr<MemoryProvider> memory;
  std::size_t region_pages = 0;
  PagePoolPtr pool;
  PagePoolPtr staging;       // null for direct landing
  std::string unregistered;  // why the device reaches the staging pool by a detour; empty: it does not
  std::unique_ptr<TcpPort> port;
};

Landing parse_landing(const std::string& name) {
  if (name == "direct") return Landing::direct;
  return name == "staged" ? Landing::staged : Landing::automatic;
}

const char* landing_name(Landing landing) {
  return landing == Landing::direct ? "direct" : landing == Landing::staged ? "staged" : "auto";
}

Result<void> add_staging(Machinery& built) {
  Result<StagingMemory> staging = make_staging_memory(built.memory->staging_dma(), [](std::shared_ptr<DmaDevice> dma) {
    return make_host_provider({.size = kStagingSize, .page_size = kStagingPage, .dma = std::move(dma)});
  });
  if (!staging) return std::unexpected(staging.error());
  built.unregistered = std::move(staging->unregistered);
  PoolOptions options;
  options.name = "staging";
  Result<PagePoolPtr> pool = PagePool::create(staging->memory, std::move(options));
  if (!pool) return std::unexpected(pool.error());
  built.staging = std::move(*pool);
  return {};
}

Result<Machinery> build(const ConnectionArguments& arguments) {
  Machinery built;
  Result<std::shared_ptr<MemoryProvider>> memory = make_provider(arguments.memory, arguments.page_size);
  if (!memory) return std::unexpected(memory.error());
  built.memory = std::move(*memory);
  built.memory->visit_regions([&](const Region& region) { built.region_pages += region.page_count(); });
  PoolOptions options;
  options.name = "recv";
  options.allow_unreadable = built.memory->is_device();
  if (built.region_pages != 0) options.ring_size = std::min<std::size_t>(1024, std::bit_ceil(built.region_pages));
  Result<PagePoolPtr> pool = PagePool::create(built.memory, std::move(options));
  if (!pool) return std::unexpected(pool.error());
  built.pool = std::move(*pool);
  TcpOptions tcp;
  tcp.landing = parse_landing(arguments.landing);
  tcp.message_size = arguments.message;
  tcp.idle_timeout = arguments.timeout;
  tcp.message_timeout = arguments.message_timeout;
  if (tcp.landing != Landing::direct) {
    if (Result<void> added = add_staging(built); !added) return std::unexpected(added.error());
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
  std::size_t message = 0;
  std::string unregistered;
  std::uint64_t turned_away = 0;
  std::vector<Counter> port;
  std::vector<Counter> provider;
  PoolCounters pool;
  std::string books;  // empty: they balance
};

// Ends the port, so that every page should be home, and recounts.
void close_books(Machinery& machinery, MemoryReport& report) {
  report.landing = machinery.port->landing();
  report.unregistered = machinery.unregistered;
  report.port = machinery.port->counters();
  machinery.port.reset();
  report.pool = machinery.pool->counters();
  report.provider = machinery.memory->counters();
  for (const PagePool* pool : {machinery.pool.get(), machinery.staging.get()}) {
    if (pool == nullptr) continue;
    if (std::string imbalance = find_imbalance(*pool); !imbalance.empty()) report.books = std::move(imbalance);
  }
}

Receiver::Plan make_plan(const ConnectionArguments& arguments, OutputPlan& outputs, const PagePool& pool,
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

TransferReport receive(const ConnectionArguments& arguments, OutputPlan& outputs, Machinery& machinery,
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
  report.digest_on_device = receiver.digest_on_device();
  report.connections = receiver.connections();
  report.seconds = receiver.seconds();
  report.interrupted = StopSignal::requested();
  if (!outcome) report.errors.push_back(outcome.error().message());
  if (report.interrupted) report.errors.emplace_back("cannot finish receiving: interrupted");
  memory.turned_away = receiver.turned_away();
  return report;
}

std::string placement_text(const MemoryReport& memory) {
  if (memory.message == 0) return {};
  return fmt::format(", messages of {} bytes in one piece", memory.message);
}

std::string to_text(const MemoryReport& memory) {
  const PoolCounters& pool = memory.pool;
  return fmt::format(
      "memory: {}, landing {}{}\npool: {} pages handed out (fast {}, refill {}, slow {}), {} in flight, {}\n",
      memory.description, landing_name(memory.landing), placement_text(memory), pool.handed_out(), pool.fast,
      pool.refill, pool.slow + pool.slow_high_order, pool.inflight(),
      memory.books.empty() ? "books balance" : memory.books);
}

Json to_json(const MemoryReport& memory, const ConnectionArguments& arguments, const TransferReport& report) {
  Json json{{"command", "recv"},
            {"listen", memory.listening},
            {"memory", arguments.memory},
            {"memory_description", memory.description},
            {"page_size", arguments.page_size},
            {"landing", landing_name(memory.landing)},
            {"placement", arguments.message == 0 ? "pages" : "contiguous"},
            {"message", arguments.message == 0 ? Json() : Json(arguments.message)},
            {"timeout", seconds_or_null(arguments.timeout)},
            {"message_timeout", seconds_or_null(arguments.message_timeout)},
            {"staging_unregistered", or_null(memory.unregistered)}};
  json.update(tool::to_json(report));
  json["turned_away"] = memory.turned_away;
  json["pool"] = tool::to_json(memory.pool);
  json["provider"] = tool::to_json(memory.provider);
  json["port"] = tool::to_json(memory.port);
  json["books_balance"] = memory.books.empty();
  return json;
}

int print(const ConnectionArguments& arguments, const TransferReport& report, const MemoryReport& memory, bool aside) {
  for (const std::string& error : report.errors) print_error(error);
  const bool printed = print_report(
      arguments.common.json ? dump(to_json(memory, arguments, report)) : tool::to_text(report) + to_text(memory),
      aside);
  return printed && report.succeeded() ? kSuccess : kFailure;
}

Result<int> receive_and_report(const ConnectionArguments& arguments, OutputPlan outputs) {
  const StopSignal stop;
  if (Result<void> prepared = outputs.prepare(); !prepared) return std::unexpected(prepared.error());
  Result<Machinery> machinery = build(arguments);
  if (!machinery) return std::unexpected(machinery.error());
  if (Result<void> listening = machinery->port->listen(arguments.listen); !listening)
    return std::unexpected(listening.error());
  MemoryReport memory;
  memory.listening = listening_address(arguments.listen, machinery->port->local_port());
  memory.description = machinery->memory->describe();
  memory.message = arguments.message;
  fmt::print(stderr, "listening on {}\n", memory.listening);
  TransferReport report = receive(arguments, outputs, *machinery, memory);
  close_books(*machinery, memory);
  if (!memory.books.empty()) report.errors.push_back(memory.books);
  return print(arguments, report, memory, outputs.is_standard_output());
}

}  // namespace

int recv_connections(const ConnectionArguments& arguments, OutputPlan outputs) {
  const Result<int> code = receive_and_report(arguments, std::move(outputs));
  if (code) return *code;
  print_error(code.error().message());
  return kFailure;
}

}  // namespace netmem::tool
