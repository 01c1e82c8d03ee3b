// What a transfer says when it is over, as text for people or as JSON, and how errors look.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "netmem/core/memory_provider.h"
#include "netmem/pool/page_pool.h"
#include "tools/digest.h"

namespace netmem::tool {

// Keeps the order in which things were put in.
using Json = nlohmann::ordered_json;

// "netmem: MESSAGE" on standard error, one line.
void print_error(std::string_view message);

struct ConnectionReport {
  unsigned number = 0;  // from 1, in the order of accept or connect
  std::string peer;
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::string digest;  // hexadecimal; empty without one, and when the connection failed
  std::string output;  // the file; empty without one, and when the connection failed
  std::string error;   // empty: all went well
};

struct TransferReport {
  std::string verb;  // "received", "sent"
  DigestKind digest = DigestKind::none;
  bool digest_on_device = false;  // computed by the device whose memory the bytes are in
  std::vector<ConnectionReport> connections;
  double seconds = 0;  // from the first connection to the last byte of the last one
  bool interrupted = false;
  std::vector<std::string> errors;  // of the transfer as a whole

  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] bool succeeded() const;
};

// One line for each connection and one for the sum, each with its newline.
std::string to_text(const TransferReport& report);
// An object to which a subcommand adds what only it knows.
Json to_json(const TransferReport& report);

Json to_json(const PoolCounters& counters);
Json to_json(const std::vector<Counter>& counters);
// Who computed a digest: "device", "cpu", or null when there is none.
Json digest_by(DigestKind digest, bool on_device);
// "crc32c 0123abcd", and "on the device" where it was computed there.
std::string digest_text(DigestKind digest, const std::string& hex, bool on_device);
// null for an empty text.
Json or_null(const std::string& text);
// 0: null.
Json seconds_or_null(std::chrono::milliseconds time);

// 0 where there is no counter of that name.
std::uint64_t value_of(const std::vector<Counter>& counters, std::string_view name);
// 0 where no time has passed.
std::uint64_t per_second(std::uint64_t count, double seconds);
// Why the books of a pool that should have all its pages at home do not balance; empty: they do. REQUIRES: as audit().
std::string find_imbalance(const PagePool& pool);

// To standard output, or standard error when `aside`; false and a message when it cannot be written.
bool print_report(const std::string& text, bool aside);

// Strings from file names and peers may be no UTF-8: what is not is replaced.
std::string dump(const Json& json);

}  // namespace netmem::tool
