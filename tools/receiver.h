// Receives the connections of `netmem recv` from a port, to the end of each, and reads what they carried back out of
// the pages for outputs and digests, through the copy engine: the memory may be one that the CPU cannot read.
//
//   port --deliveries--> Receiver --copy_out, batched--> window (1 MiB, reused) --> digest, output of each connection
//                            `-- crc32c without an output --> PageDigest, where the pages are
//
// Threads: one, the consumer of the port's pool.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "netmem/core/copy_engine.h"
#include "netmem/ports/stream/port.h"
#include "tools/digest.h"
#include "tools/output.h"
#include "tools/page_digest.h"
#include "tools/report.h"

namespace netmem::tool {

class Receiver {
 public:
  static constexpr std::size_t kWindow = 1 << 20;
  static constexpr std::size_t kDeliveries = 128;

  struct Plan {
    unsigned connections = 1;
    DigestKind digest = DigestKind::none;
    OutputPlan* outputs = nullptr;                      // never null
    std::function<void(std::uint64_t bytes)> progress;  // called after each batch
    std::function<void(const std::string&)> complain;   // for connections that fail
  };
  Receiver(StreamPort& port, CopyEngine& engine, Plan plan);

  // Until every connection has come to its end, or the user asks for a stop. An error is one of the port as a whole.
  Result<void> run();

  // REQUIRES: run() has returned. Connections that were still open are failed.
  [[nodiscard]] std::vector<ConnectionReport> connections() const;
  // From the first connection's begin to the last one's end.
  [[nodiscard]] double seconds() const;
  [[nodiscard]] bool digest_on_device() const { return page_digest_ && engine_.digests_on_device(); }
  // Connections beyond those asked for; closed unread.
  [[nodiscard]] std::uint64_t turned_away() const { return turned_away_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Connection {
    ConnectionReport report;
    Clock::time_point started;
    std::unique_ptr<Digest> digest;
    PageDigest::Sum sum;  // instead, with page_digest_
    std::optional<Output> output;
    bool over = false;
  };
  // Bytes of the window that belong to one connection.
  struct Segment {
    Connection* connection;
    std::size_t begin;
    std::size_t size;
  };

  Result<void> process(std::span<Delivery> deliveries);
  void open(const Delivery& delivery);
  Result<void> append(Delivery& delivery);
  Result<void> append_to_window(Connection& connection, const View& view);
  // Everything that was appended has reached digests and outputs.
  Result<void> settle();
  Result<void> flush();
  void consume(Connection& connection, std::span<const std::byte> bytes);
  void end(Connection& connection);
  void fail(Connection& connection, const std::string& why);
  void close(Connection& connection);
  [[nodiscard]] Connection* find(ConnectionId id);

  StreamPort& port_;
  CopyEngine& engine_;
  Plan plan_;
  std::vector<std::unique_ptr<Connection>> connections_;  // in the order of accept
  std::unordered_map<ConnectionId, Connection*> open_;
  std::size_t over_ = 0;
  std::uint64_t turned_away_ = 0;
  std::uint64_t bytes_ = 0;
  Clock::time_point last_end_;

  std::optional<PageDigest> page_digest_;
  std::vector<std::byte> window_;  // empty: nobody wants the bytes there
  std::size_t filled_ = 0;
  std::vector<CopyOut> copies_;
  std::vector<Segment> segments_;
  std::vector<Netmem> spent_;  // pages of the batch, dropped together
};

}  // namespace netmem::tool
