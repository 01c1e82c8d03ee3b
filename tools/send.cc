// netmem send: a file, standard input or bytes made from a seed, down one connection or many, or as datagrams.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/connect.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/send_datagrams.h"
#include "tools/sender.h"
#include "tools/signals.h"
#include "tools/source.h"

namespace netmem::tool {
namespace {

constexpr const char* kExamples = R"(Examples:
  netmem send --connect 127.0.0.1:9000 --input original.bin
  tar c photos | netmem send --connect [::1]:9000 --input -
  netmem send --connect receiver:9000 --bytes 1G --seed 7 --connections 4 --json
  netmem send --udp receiver:9000 --rate 10000 --size 512 --count 100000

Each connection sends the whole file, or SIZE bytes of its own: connection I (from 0) those of
seed N + I. Nothing is tried twice. A receiver that resets the connection is a failure. Datagrams carry
the bytes in pieces of --size, in order; nobody confirms them, so some may be lost.)";

struct SendArguments {
  std::string connect;
  std::chrono::milliseconds timeout{0};
  DatagramArguments datagrams;
  SourceArguments what;
  CommonArguments common;
};

using Senders = std::vector<std::unique_ptr<Sender>>;

Result<Senders> connect_all(const SendArguments& arguments) {
  Senders senders;
  const unsigned count = arguments.common.connections;
  std::vector<std::unique_ptr<Source>> sources;
  for (unsigned i = 0; i < count; ++i) {
    if (arguments.what.input.empty()) {
      sources.push_back(random_source(arguments.what.bytes.value_or(0), arguments.what.seed + i));
      continue;
    }
    Result<std::unique_ptr<Source>> source = open_source(arguments.what.input, count > 1);
    if (!source) return std::unexpected(source.error());
    sources.push_back(std::move(*source));
  }
  for (unsigned i = 0; i < count; ++i) {
    Result<Connected> connection = open_connection(arguments.connect, arguments.timeout);
    if (!connection) return std::unexpected(connection.error());
    senders.push_back(std::make_unique<Sender>(i + 1, std::move(*connection), std::move(sources[i]),
                                               arguments.common.digest_kind(), arguments.timeout));
  }
  return senders;
}

void show_progress(const Senders& senders, Progress& progress) {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> total = 0;
  for (const auto& sender : senders) {
    bytes += sender->bytes();
    const std::optional<std::uint64_t> own = sender->total();
    total = total && own ? std::optional(*total + *own) : std::nullopt;
  }
  progress.update(bytes, total, std::nullopt);
}

// One thread for each connection; this one only watches.
void run_all(Senders& senders) {
  std::atomic<std::size_t> running = senders.size();
  std::vector<std::jthread> threads;
  for (auto& sender : senders)
    threads.emplace_back([&sender, &running] {
      sender->run();
      running.fetch_sub(1, std::memory_order_release);
    });
  Progress progress;
  while (progress.shown() && running.load(std::memory_order_acquire) != 0) {
    std::this_thread::sleep_for(Progress::kInterval / 4);
    if (progress.due()) show_progress(senders, progress);
  }
}

TransferReport report_on(const Senders& senders, DigestKind digest) {
  TransferReport report;
  report.verb = "sent";
  report.digest = digest;
  for (const auto& sender : senders) {
    report.connections.push_back(sender->report());
    report.seconds = std::max(report.seconds, sender->report().seconds);
  }
  report.interrupted = StopSignal::requested();
  return report;
}

int print(const SendArguments& arguments, const TransferReport& report) {
  for (const ConnectionReport& connection : report.connections)
    if (!connection.error.empty())
      print_error("connection " + std::to_string(connection.number) + ": " + connection.error);
  std::string text;
  if (arguments.common.json) {
    Json json{{"command", "send"}, {"connect", arguments.connect}, {"timeout", seconds_or_null(arguments.timeout)}};
    if (arguments.what.input.empty()) {
      json["seed"] = arguments.what.seed;
    } else {
      json["input"] = arguments.what.input;
    }
    json.update(to_json(report));
    text = dump(json);
  } else {
    text = to_text(report);
  }
  const bool printed = print_report(text, false);
  return printed && report.succeeded() ? kSuccess : kFailure;
}

int run_send(const SendArguments& arguments) {
  const StopSignal stop;
  Result<Senders> senders = connect_all(arguments);
  if (!senders) {
    print_error(senders.error().message());
    return kFailure;
  }
  run_all(*senders);
  return print(arguments, report_on(*senders, arguments.common.digest_kind()));
}

void add_where(CLI::App& command, SendArguments& arguments) {
  CLI::Option_group* where = command.add_option_group("Where to");
  where->add_option("--connect", arguments.connect, "the receiver: 127.0.0.1:9000, [::1]:9000, localhost:9000")
      ->type_name("ADDR:PORT");
  where->add_option("--udp", arguments.datagrams.udp, "the receiver of UDP datagrams, written in the same way")
      ->type_name("ADDR:PORT");
  where->require_option(1);
}

void add_what(CLI::App& command, SourceArguments& arguments) {
  CLI::Option_group* what = command.add_option_group("What to send");
  what->add_option("--input", arguments.input, "a file, or - for standard input (one connection only)")
      ->type_name("FILE|-");
  what->add_option("--bytes", arguments.bytes, "this many bytes made from the seed, as in 4096, 256M, 1G")
      ->type_name("SIZE")
      ->transform(size_argument());
  what->require_option(0, 1);
  command.add_option("--seed", arguments.seed, "seed of --bytes (default 0); connection I uses N + I")->type_name("N");
}

// Throws a usage error.
void check(const CLI::App& command, const SendArguments& arguments) {
  if (command.count("--timeout") != 0 && arguments.connect.empty())
    throw CLI::ValidationError("--timeout", "goes with --connect: nobody confirms datagrams");
  if (command.count("--seed") != 0 && !arguments.what.input.empty())
    throw CLI::ValidationError("--seed", "goes with made bytes, not with --input");
  if (arguments.what.input == "-" && arguments.common.connections > 1)
    throw CLI::ValidationError("--input -", "standard input can be sent only once: leave --connections at 1");
  if (arguments.connect.empty()) {
    check_datagrams(command, arguments.datagrams);
  } else if (command.count("--input") + command.count("--bytes") == 0) {
    throw CLI::ValidationError("--connect", "say what to send: --input or --bytes");
  }
}

}  // namespace

void add_send(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("send", "send a file, standard input or seeded bytes");
  auto arguments = std::make_shared<SendArguments>();
  add_where(*command, *arguments);
  add_what(*command, arguments->what);
  add_duration(*command, "--timeout", arguments->timeout,
               "of --connect: gives up when the receiver takes nothing for so long, as in 30s (default: never)");
  add_datagrams(*command, arguments->datagrams);
  add_common(*command, arguments->common);
  command->footer(kExamples);
  command->callback([arguments, &exit_code, command] {
    check(*command, *arguments);
    exit_code = arguments->connect.empty() ? send_datagrams(arguments->datagrams, arguments->what, arguments->common)
                                           : run_send(*arguments);
  });
}

}  // namespace netmem::tool
