#include "tools/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "netmem/base/units.h"

namespace netmem::tool {
namespace {

std::string to_text(const ConnectionReport& connection, const TransferReport& report) {
  std::string line =
      fmt::format("connection {} {}: {} bytes in {:.3f} s, {}/s", connection.number, connection.peer, connection.bytes,
                  connection.seconds, format_size(per_second(connection.bytes, connection.seconds)));
  if (!connection.digest.empty()) line += ", " + digest_text(report.digest, connection.digest, report.digest_on_device);
  if (!connection.output.empty()) line += ", " + connection.output;
  if (!connection.error.empty()) line += ", failed: " + connection.error;
  return line + "\n";
}

Json to_json(const ConnectionReport& connection) {
  return Json{{"number", connection.number},
              {"peer", connection.peer},
              {"bytes", connection.bytes},
              {"seconds", connection.seconds},
              {"digest", or_null(connection.digest)},
              {"output", or_null(connection.output)},
              {"error", or_null(connection.error)}};
}

}  // namespace

void print_error(std::string_view message) { fmt::print(stderr, "netmem: {}\n", message); }

std::uint64_t TransferReport::bytes() const {
  std::uint64_t sum = 0;
  for (const ConnectionReport& connection : connections) sum += connection.bytes;
  return sum;
}

bool TransferReport::succeeded() const {
  if (interrupted || !errors.empty()) return false;
  for (const ConnectionReport& connection : connections)
    if (!connection.error.empty()) return false;
  return true;
}

std::string to_text(const TransferReport& report) {
  std::string text;
  for (const ConnectionReport& connection : report.connections) text += to_text(connection, report);
  const std::uint64_t bytes = report.bytes();
  text += fmt::format("{}{} {} bytes ({}) on {} connection{} in {:.3f} s, {}/s\n",
                      report.interrupted ? "interrupted: " : "", report.verb, bytes, format_size(bytes),
                      report.connections.size(), report.connections.size() == 1 ? "" : "s", report.seconds,
                      format_size(per_second(bytes, report.seconds)));
  return text;
}

Json to_json(const TransferReport& report) {
  Json json{{"version", NETMEM_VERSION},
            {"succeeded", report.succeeded()},
            {"interrupted", report.interrupted},
            {"bytes", report.bytes()},
            {"seconds", report.seconds},
            {"bytes_per_second", per_second(report.bytes(), report.seconds)},
            {"digest", digest_name(report.digest)},
            {"digest_by", digest_by(report.digest, report.digest_on_device)},
            {"errors", report.errors}};
  json["connections"] = Json::array();
  for (const ConnectionReport& connection : report.connections) json["connections"].push_back(to_json(connection));
  return json;
}

Json to_json(const PoolCounters& counters) {
  return Json{{"fast", counters.fast},
              {"slow", counters.slow},
              {"slow_high_order", counters.slow_high_order},
              {"empty", counters.empty},
              {"refill", counters.refill},
              {"waive", counters.waive},
              {"cached", counters.cached},
              {"cache_full", counters.cache_full},
              {"ring", counters.ring},
              {"ring_full", counters.ring_full},
              {"released_refcnt", counters.released_refcnt},
              {"failed", counters.failed},
              {"fragments", counters.fragments},
              {"hold", counters.hold},
              {"release", counters.release},
              {"in_cache", counters.in_cache},
              {"in_ring", counters.in_ring},
              {"inflight", counters.inflight()}};
}

Json to_json(const std::vector<Counter>& counters) {
  Json json = Json::object();
  for (const Counter& counter : counters) json[counter.name] = counter.value;
  return json;
}

Json digest_by(DigestKind digest, bool on_device) {
  if (digest == DigestKind::none) return {};
  return on_device ? "device" : "cpu";
}

std::string digest_text(DigestKind digest, const std::string& hex, bool on_device) {
  return fmt::format("{} {}{}", digest_name(digest), hex, on_device ? " on the device" : "");
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json seconds_or_null(std::chrono::milliseconds time) {
  return time.count() == 0 ? Json() : Json(std::chrono::duration<double>(time).count());
}

std::uint64_t value_of(const std::vector<Counter>& counters, std::string_view name) {
  const auto found = std::ranges::find(counters, name, &Counter::name);
  return found == counters.end() ? 0 : found->value;
}

std::uint64_t per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(count) / seconds) : 0;
}

std::string find_imbalance(const PagePool& pool) {
  if (const std::int64_t missing = pool.counters().inflight(); missing != 0)
    return fmt::format("cannot close the books of pool {}: {} pages are still in flight", pool.name(), missing);
  const Result<void> audited = pool.audit();
  return audited ? std::string() : audited.error().message();
}

bool print_report(const std::string& text, bool aside) {
  std::FILE* stream = aside ? stderr : stdout;
  if (std::fwrite(text.data(), 1, text.size(), stream) == text.size() && std::fflush(stream) == 0) return true;
  print_error(fmt::format("cannot write the summary: {}", ::strerrordesc_np(errno)));
  return false;
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace netmem::tool
