// netmem: the command-line program. Its subcommands are in files of their names.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "tools/commands.h"
#include "tools/report.h"

namespace {

constexpr const char* kExamples = R"(Examples:
  netmem recv --listen :9000 --output copy.bin
  netmem send --connect 127.0.0.1:9000 --input original.bin
  netmem recv --listen '[::]:9000' --memory memfd:1G --connections 64 --digest none
  netmem recv --interface eth0 --udp 9000 --output payload.bin

`netmem SUBCOMMAND --help` has more; so has netmem(1).
Exit codes: 0 done, 1 something could not be done, 2 the command line makes no sense.)";

// One descriptor or two for each connection: take as many as the system allows without asking anybody.
void raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// What CLI11 found wrong, as one line; help and version are no failure.
int explain(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  std::string command = "netmem";
  for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
  std::string reason = error.what();
  for (char& letter : reason)
    if (letter == '\n') letter = ' ';
  netmem::tool::print_error("cannot run " + command + ": " + reason + "; try " + command + " --help");
  return netmem::tool::kUsage;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Receives and sends byte streams and packets through page pools over any memory, device memory included.",
      "netmem");
  app.set_version_flag("--version", "netmem " NETMEM_VERSION);
  app.footer(kExamples);
  app.require_subcommand(1);
  int exit_code = netmem::tool::kSuccess;
  netmem::tool::add_recv(app, exit_code);
  netmem::tool::add_send(app, exit_code);
  netmem::tool::add_echo(app, exit_code);
  netmem::tool::add_bench(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_open_file_limit();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // memory ran out, most likely: say so without asking for more
    std::fprintf(stderr, "netmem: cannot go on: %s\n", error.what());
    return netmem::tool::kFailure;
  }
}
