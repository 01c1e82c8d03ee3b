// netmem echo: datagrams of an interface, sent back from where they came, through the pages that they arrived in.
#include <netinet/in.h>

#include <memory>

#include "tools/commands.h"
#include "tools/packet_echo.h"
#include "tools/signals.h"
#include "tools/xdp_report.h"
#include "tools/xdp_session.h"

namespace netmem::tool {
namespace {

constexpr const char* kExamples = R"(Examples:
  netmem echo --interface eth0 --udp 7
  netmem echo --interface eth0 --udp 7 --queue 0 --count 1000 --json

Addresses and ports of each datagram change places; nothing is copied. A checksum that its sender left to
hardware is finished.
Datagrams to other ports stay the kernel's. Without --count it ends with ^C.)";

struct EchoArguments {
  XdpArguments xdp;
  std::uint16_t port = 0;
  bool json = false;
};

SessionPlan make_plan(const EchoArguments& arguments) {
  SessionPlan plan;
  plan.verb = "echoing";
  plan.match.protocol = IPPROTO_UDP;
  plan.match.port = arguments.port;
  plan.queues.options = arguments.xdp.options(0);
  plan.queues.frames = arguments.xdp.frames;
  plan.make_work = [](unsigned /*queue*/, CopyEngine* /*engine*/, PacketQuota& quota) {
    return std::make_unique<PacketEcho>(quota);
  };
  return plan;
}

Result<SessionReport> echo(const EchoArguments& arguments) {
  XdpSession session(arguments.xdp, make_plan(arguments));
  if (const Result<std::vector<unsigned>> queues = session.prepare(); !queues) return std::unexpected(queues.error());
  return session.run();
}

int print(const EchoArguments& arguments, const SessionReport& report) {
  for (const std::string& error : report.errors) print_error(error);
  if (report.interrupted()) print_error("cannot finish echoing: interrupted");
  std::string text;
  if (arguments.json) {
    Json json{{"command", "echo"}, {"udp", arguments.port}};
    json.update(to_json(report, DigestKind::none));
    text = dump(json);
  } else {
    text = to_text(report, "echoed", DigestKind::none);
  }
  return print_report(text, false) && report.succeeded() ? kSuccess : kFailure;
}

int run_echo(const EchoArguments& arguments) {
  const StopSignal stop;
  const Result<SessionReport> report = echo(arguments);
  if (report) return print(arguments, *report);
  print_error(report.error().message());
  return kFailure;
}

}  // namespace

void add_echo(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("echo", "send datagrams of an interface back to where they came from");
  auto arguments = std::make_shared<EchoArguments>();
  command->add_option("--interface", arguments->xdp.interface, "the network interface")->type_name("IF")->required();
  command->add_option("--udp", arguments->port, "echo datagrams to this port")
      ->type_name("PORT")
      ->check(port_argument())
      ->required();
  add_xdp(*command, arguments->xdp);
  command->add_flag("--json", arguments->json, "print the summary as JSON");
  command->footer(kExamples);
  command->callback([arguments, &exit_code] { exit_code = run_echo(*arguments); });
}

}  // namespace netmem::tool
