// The command line of a program that measures.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace netmem::bench {

inline constexpr int kUsage = 2;

// Reads the arguments; prints what is wrong with them, or the help, and exits.
inline void parse_or_exit(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : kUsage);
  }
}

}  // namespace netmem::bench
