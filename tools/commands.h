// The subcommands. Each adds itself to the command line; when it is the one that was asked for, its callback runs it
// and leaves the program's exit code behind. Called once, from main().
#pragma once

#include <CLI/CLI.hpp>

namespace netmem::tool {

// Exit codes of the program; netmem.1 lists them.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;  // something could not be done, or was interrupted
inline constexpr int kUsage = 2;    // the command line makes no sense

void add_recv(CLI::App& app, int& exit_code);
void add_send(CLI::App& app, int& exit_code);
void add_echo(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);

}  // namespace netmem::tool
