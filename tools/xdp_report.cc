#include "tools/xdp_report.h"

#include <fmt/format.h>

#include "netmem/base/units.h"

namespace netmem::tool {
namespace {

std::string pool_text(const char* what, const std::string& memory, const PoolCounters& pool) {
  return fmt::format("  {}: {}; {} pages handed out, {} in flight\n", what, memory, pool.handed_out(), pool.inflight());
}

std::string queue_text(const QueueReport& queue, DigestKind digest) {
  std::string text =
      fmt::format("queue {}: {} packets, {} bytes of payload", queue.queue, queue.counts.packets, queue.counts.bytes);
  if (!queue.digest.empty()) text += ", " + digest_text(digest, queue.digest, queue.digest_on_device);
  if (!queue.output.empty()) text += ", " + queue.output;
  if (queue.counts.beyond_count != 0) text += fmt::format(", {} more than asked for", queue.counts.beyond_count);
  if (!queue.error.empty()) text += ", failed: " + queue.error;
  text += "\n" + pool_text("frames", queue.frames, queue.frames_pool);
  if (!queue.memory.empty()) text += pool_text("payload", queue.memory, queue.payload_pool);
  return text;
}

Json queue_json(const QueueReport& queue, DigestKind digest) {
  return Json{{"queue", queue.queue},
              {"description", queue.description},
              {"zero_copy", queue.zero_copy},
              {"frames_description", queue.frames},
              {"memory_description", or_null(queue.memory)},
              {"staging_unregistered", or_null(queue.staging_unregistered)},
              {"packets", queue.counts.packets},
              {"bytes", queue.counts.bytes},
              {"frame_bytes", queue.counts.frame_bytes},
              {"beyond_count", queue.counts.beyond_count},
              {"digest", or_null(queue.digest)},
              {"digest_by", digest_by(digest, queue.digest_on_device)},
              {"output", or_null(queue.output)},
              {"error", or_null(queue.error)},
              {"port", to_json(queue.port)},
              {"work", to_json(queue.work)},
              {"frames_pool", to_json(queue.frames_pool)},
              {"payload_pool", queue.memory.empty() ? Json() : to_json(queue.payload_pool)}};
}

}  // namespace

std::string to_text(const SessionReport& report, const std::string& verb, DigestKind digest) {
  std::string text;
  for (const QueueReport& queue : report.queues) text += queue_text(queue, digest);
  const QueueWork::Counts sum = report.counts();
  text += fmt::format("{}{} {} packets, {} bytes of payload ({}) in {:.3f} s, {} packets/s, {}/s\n",
                      report.interrupted() ? "interrupted: " : "", verb, sum.packets, sum.bytes, format_size(sum.bytes),
                      report.seconds, per_second(sum.packets, report.seconds),
                      format_size(per_second(sum.bytes, report.seconds)));
  const std::vector<Counter> drops = report.drops();
  text += drops.empty() ? "no drops" : "drops:";
  for (const Counter& drop : drops) text += fmt::format(" {} {}", drop.name, drop.value);
  return text + (report.books_balance() ? "; books balance\n" : "; the books do not balance\n");
}

Json to_json(const SessionReport& report, DigestKind digest) {
  const QueueWork::Counts sum = report.counts();
  Json json{{"interface", report.interface},
            {"mode", report.mode},
            {"count", report.count ? Json(*report.count) : Json()},
            {"version", NETMEM_VERSION},
            {"succeeded", report.succeeded()},
            {"interrupted", report.interrupted()},
            {"packets", sum.packets},
            {"bytes", sum.bytes},
            {"frame_bytes", sum.frame_bytes},
            {"beyond_count", sum.beyond_count},
            {"seconds", report.seconds},
            {"packets_per_second", per_second(sum.packets, report.seconds)},
            {"bytes_per_second", per_second(sum.bytes, report.seconds)},
            {"digest", digest_name(digest)},
            {"errors", report.errors},
            {"drops", to_json(report.drops())}};
  json["queues"] = Json::array();
  for (const QueueReport& queue : report.queues) json["queues"].push_back(queue_json(queue, digest));
  json["books_balance"] = report.books_balance();
  return json;
}

}  // namespace netmem::tool
