#include "tools/recv_packets.h"

#include <netinet/in.h>

#include <map>
#include <memory>

#include "tools/commands.h"
#include "tools/packet_receiver.h"
#include "tools/signals.h"
#include "tools/xdp_report.h"
#include "tools/xdp_session.h"

namespace netmem::tool {
namespace {

// The files, made before anything is received: a name that cannot be written is found out at once.
class Files {
 public:
  Result<void> open(const PacketArguments& arguments, const std::string& output, const std::vector<unsigned>& queues) {
    Result<OutputPlan> plan = OutputPlan::parse(output, 1, "queue");
    if (!plan) return std::unexpected(plan.error());
    if (Result<void> prepared = plan->prepare(queues.front()); !prepared) return prepared;
    for (const unsigned queue : queues) {
      if (!plan->wanted() || (!plan->is_directory() && !outputs_.empty())) break;
      Result<Output> opened = plan->open(queue);
      if (!opened) return std::unexpected(opened.error());
      outputs_.emplace(queue, std::make_unique<SharedOutput>(std::move(*opened)));
    }
    one_for_all_ = !plan->is_directory();
    if (arguments.pcap.empty()) return {};
    Result<CaptureFile> capture = CaptureFile::create(arguments.pcap, arguments.xdp.interface);
    if (!capture) return std::unexpected(capture.error());
    capture_.emplace(std::move(*capture));
    return {};
  }

  [[nodiscard]] SharedOutput* output(unsigned queue) const {
    if (outputs_.empty()) return nullptr;
    return one_for_all_ ? outputs_.begin()->second.get() : outputs_.at(queue).get();
  }
  [[nodiscard]] CaptureFile* capture() { return capture_ ? &*capture_ : nullptr; }

  // Gives the files their names; what cannot be written goes to `errors`.
  void finish(std::vector<std::string>& errors) {
    const auto note = [&errors](const Result<void>& finished) {
      if (!finished) errors.push_back(finished.error().message());
    };
    for (const auto& [queue, output] : outputs_) note(output->finish());
    if (capture_) note(capture_->finish());
  }

 private:
  std::map<unsigned, std::unique_ptr<SharedOutput>> outputs_;
  bool one_for_all_ = false;
  std::optional<CaptureFile> capture_;
};

SessionPlan make_plan(const PacketArguments& arguments, const ReceivedArguments& received, Files& files) {
  SessionPlan plan;
  plan.verb = "receiving";
  plan.match = arguments.match();
  plan.queues.options = arguments.xdp.options(0);
  plan.queues.options.coalesce_us = arguments.coalesce;
  plan.queues.frames = arguments.xdp.frames;
  if (arguments.split == "on") plan.queues.memory = received.memory;
  plan.queues.page_size = received.page_size;
  plan.make_work = [&files, digest = received.digest](unsigned queue, CopyEngine* engine, PacketQuota& quota) {
    return std::make_unique<PacketReceiver>(
        PacketReceiver::Plan{digest, files.output(queue), files.capture(), &quota, engine});
  };
  return plan;
}

Json match_json(const PacketArguments& arguments) {
  if (arguments.udp) return Json{{"udp", *arguments.udp}};
  if (arguments.tcp_sniff) return Json{{"tcp", *arguments.tcp_sniff}};
  return "any";
}

int print(const PacketArguments& arguments, const ReceivedArguments& received, const SessionReport& report) {
  for (const std::string& error : report.errors) print_error(error);
  if (report.interrupted()) print_error("cannot finish receiving: interrupted");
  std::string text;
  if (received.json) {
    Json json{{"command", "recv"}, {"match", match_json(arguments)}, {"split", arguments.split == "on"}};
    json["capture"] = arguments.pcap.empty() ? Json() : Json(arguments.pcap);
    json.update(to_json(report, received.digest));
    text = dump(json);
  } else {
    text = to_text(report, "received", received.digest);
  }
  const bool aside = received.output == "-" || arguments.pcap == "-";
  return print_report(text, aside) && report.succeeded() ? kSuccess : kFailure;
}

Result<SessionReport> receive(const PacketArguments& arguments, const ReceivedArguments& received) {
  Files files;
  XdpSession session(arguments.xdp, make_plan(arguments, received, files));
  const Result<std::vector<unsigned>> queues = session.prepare();
  if (!queues) return std::unexpected(queues.error());
  if (Result<void> opened = files.open(arguments, received.output, *queues); !opened)
    return std::unexpected(opened.error());
  Result<SessionReport> report = session.run();
  if (report) files.finish(report->errors);
  return report;
}

}  // namespace

XdpMatch PacketArguments::match() const {
  XdpMatch match;
  if (udp) match.protocol = IPPROTO_UDP;
  if (tcp_sniff) match.protocol = IPPROTO_TCP;
  match.port = udp ? udp : tcp_sniff;
  return match;
}

void add_packets(CLI::App& command, PacketArguments& arguments) {
  CLI::Option* interface = command.get_option("--interface");
  CLI::Option_group* which = command.add_option_group("Which packets of the interface");
  which->add_option("--udp", arguments.udp, "datagrams to this port")
      ->type_name("PORT")
      ->check(port_argument())
      ->needs(interface);
  which->add_option("--tcp-sniff", arguments.tcp_sniff, "segments to this port; the kernel does not see them")
      ->type_name("PORT")
      ->check(port_argument())
      ->needs(interface);
  which->add_flag("--any", arguments.any, "every frame; the kernel sees none")->needs(interface);
  which->require_option(0, 1);
  add_xdp(command, arguments.xdp);
  command
      .add_option("--split", arguments.split,
                  "on (default): headers stay in host memory, payload goes to --memory; off")
      ->type_name("on|off")
      ->check(CLI::IsMember({"on", "off"}))
      ->needs(interface);
  command
      .add_option("--coalesce", arguments.coalesce,
                  "microseconds that frames may gather while more than 200,000 a second come (default 200; 0: none)")
      ->type_name("N")
      ->check(CLI::Range(0U, 100'000U))
      ->needs(interface);
  command
      .add_option("--pcap", arguments.pcap,
                  "write whole frames to a capture that Wireshark reads, or - for standard output")
      ->type_name("FILE|-")
      ->needs(interface);
}

void check_packets(const CLI::App& command, const PacketArguments& arguments, const std::string& output) {
  for (const char* option :
       {"--connections", "--landing", "--placement", "--message", "--timeout", "--message-timeout"})
    if (command.count(option) != 0) throw CLI::ValidationError(option, "goes with --listen");
  if (!arguments.udp && !arguments.tcp_sniff && !arguments.any)
    throw CLI::ValidationError("--interface", "say which packets: --udp, --tcp-sniff or --any");
  if (arguments.split == "off" && command.count("--memory") + command.count("--page-size") != 0)
    throw CLI::ValidationError("--split off", "leaves payload in --frames: leave --memory and --page-size away");
  if (arguments.pcap == "-" && output == "-")
    throw CLI::ValidationError("--pcap -", "standard output is taken by --output -");
}

int recv_packets(const PacketArguments& arguments, const ReceivedArguments& received) {
  const StopSignal stop;
  const Result<SessionReport> report = receive(arguments, received);
  if (report) return print(arguments, received, *report);
  print_error(report.error().message());
  return kFailure;
}

}  // namespace netmem::tool
