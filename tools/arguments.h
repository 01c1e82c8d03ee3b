// Checks of arguments that subcommands share. What they refuse is a usage error (exit code 2).
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "tools/digest.h"

namespace netmem::tool {

inline constexpr unsigned kMostConnections = 4096;

// "4096", "4K", "256M"; the text is replaced by the number of bytes.
CLI::Validator size_argument();
// The same, a power of two from 4 KiB to 1 GiB.
CLI::Validator page_size_argument();

// --timeout and its like: "30s", "500ms", "5m"; absent: none.
void add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& value,
                  const std::string& description);

// --digest, --connections and --json mean the same everywhere.
struct CommonArguments {
  unsigned connections = 1;
  std::string digest = "xxh3";
  bool json = false;

  [[nodiscard]] DigestKind digest_kind() const;
};
void add_common(CLI::App& command, CommonArguments& arguments);

}  // namespace netmem::tool
