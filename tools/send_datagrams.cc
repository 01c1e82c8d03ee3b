#include "tools/send_datagrams.h"

#include <fmt/format.h>

#include <atomic>
#include <limits>
#include <thread>

#include "netmem/base/units.h"
#include "tools/commands.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/signals.h"
#include "tools/source.h"

namespace netmem::tool {
namespace {

Result<std::unique_ptr<Source>> make_source(const DatagramArguments& arguments, const SourceArguments& what) {
  if (!what.input.empty()) return open_source(what.input, false);
  if (what.bytes) return random_source(*what.bytes, what.seed);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(arguments.count.value_or(0), std::uint64_t{arguments.size}, &bytes))
    bytes = std::numeric_limits<std::uint64_t>::max();
  return random_source(bytes, what.seed);
}

void run(DatagramSender& sender) {
  std::atomic<bool> running = true;
  const std::jthread thread([&] {
    sender.run();
    running.store(false, std::memory_order_release);
  });
  Progress progress;
  while (progress.shown() && running.load(std::memory_order_acquire)) {
    std::this_thread::sleep_for(Progress::kInterval / 4);
    const std::optional<std::uint64_t> total = sender.total();
    if (progress.due())
      progress.update_packets(sender.datagrams(), sender.bytes(), total ? ", of " + format_size(*total) : "");
  }
}

std::string to_text(const DatagramArguments& arguments, const DatagramSender& sender, const TransferReport& report) {
  const ConnectionReport& sent = sender.report();
  std::string text = fmt::format(
      "{}sent {} datagrams, {} bytes ({}) to {} in {:.3f} s, {} packets/s, {}/s",
      report.interrupted ? "interrupted: " : "", sender.datagrams(), sent.bytes, format_size(sent.bytes), sent.peer,
      sent.seconds, per_second(sender.datagrams(), sent.seconds), format_size(per_second(sent.bytes, sent.seconds)));
  if (!sent.digest.empty()) text += ", " + digest_text(report.digest, sent.digest, false);
  if (sender.most_in_one_piece() != 0 && arguments.size > sender.most_in_one_piece())
    text += fmt::format("; in fragments, only {} bytes go in one piece", sender.most_in_one_piece());
  return text + "\n";
}

Json to_json(const DatagramArguments& arguments, const SourceArguments& what, const DatagramSender& sender,
             const TransferReport& report) {
  Json json{{"command", "send"}, {"udp", arguments.udp}};
  if (what.input.empty()) {
    json["seed"] = what.seed;
  } else {
    json["input"] = what.input;
  }
  json["size"] = arguments.size;
  json["rate"] = arguments.rate == 0 ? Json() : Json(arguments.rate);
  json["count"] = arguments.count ? Json(*arguments.count) : Json();
  json.update(tool::to_json(report));
  json["datagrams"] = sender.datagrams();
  json["datagrams_per_second"] = per_second(sender.datagrams(), report.seconds);
  json["most_in_one_piece"] = sender.most_in_one_piece() == 0 ? Json() : Json(sender.most_in_one_piece());
  json["waited"] = sender.waited();
  return json;
}

TransferReport report_on(const DatagramSender& sender, DigestKind digest) {
  TransferReport report;
  report.verb = "sent";
  report.digest = digest;
  report.connections.push_back(sender.report());
  report.seconds = sender.report().seconds;
  report.interrupted = StopSignal::requested();
  return report;
}

}  // namespace

void add_datagrams(CLI::App& command, DatagramArguments& arguments) {
  const auto with_udp = [&command](CLI::Option* option) { option->needs(command.get_option("--udp")); };
  with_udp(command
               .add_option("--rate", arguments.rate,
                           "datagrams a second, held without spinning (default: as fast as they go)")
               ->type_name("PPS")
               ->check(CLI::Range(std::uint64_t{1}, Pacer::kMostRate)));
  with_udp(command.add_option("--size", arguments.size, "bytes in each datagram, 0 to 65507 (default 1400)")
               ->type_name("N")
               ->check(CLI::Range(std::size_t{0}, DatagramSender::kMostSize)));
  with_udp(command.add_option("--count", arguments.count, "datagrams to send at most; alone: made from the seed")
               ->type_name("N")
               ->check(CLI::Range(std::uint64_t{1}, std::numeric_limits<std::uint64_t>::max())));
}

void check_datagrams(const CLI::App& command, const DatagramArguments& arguments) {
  if (command.count("--connections") != 0) throw CLI::ValidationError("--connections", "goes with --connect");
  const bool has_source = command.count("--input") + command.count("--bytes") != 0;
  if (!has_source && !arguments.count)
    throw CLI::ValidationError("--udp", "say what to send: --input, --bytes or --count");
  if (arguments.size == 0 && has_source)
    throw CLI::ValidationError("--size 0", "empty datagrams carry no bytes: leave --input and --bytes away");
}

int send_datagrams(const DatagramArguments& arguments, const SourceArguments& what, const CommonArguments& common) {
  const StopSignal stop;
  Result<std::unique_ptr<Source>> source = make_source(arguments, what);
  Result<UdpSocket> socket = source ? open_udp(arguments.udp) : std::unexpected(source.error());
  if (!socket) {
    print_error(socket.error().message());
    return kFailure;
  }
  const DatagramSender::Plan plan{arguments.size, arguments.rate, arguments.count, common.digest_kind()};
  DatagramSender sender(std::move(*socket), std::move(*source), plan);
  run(sender);
  const TransferReport report = report_on(sender, plan.digest);
  if (!sender.report().error.empty()) print_error(sender.report().error);
  const std::string text =
      common.json ? dump(to_json(arguments, what, sender, report)) : to_text(arguments, sender, report);
  return print_report(text, false) && report.succeeded() ? kSuccess : kFailure;
}

}  // namespace netmem::tool
