// One queue of an interface, on a thread of its own: its memory, pools and port, the loop, and the books at the end.
//
//   start() --> ready (or not) --> receive, work, receive, work ... --> stop() --> what is left in the ring --> books
//
// Threads: main's calls everything here; the queue's own thread is inside.
// Invariants:
//  1. Packets that the port received = those that the work counted, and those beyond the count.
//  2. When the port is gone, no page of its pools is in flight.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "netmem/pool/page_pool.h"
#include "netmem/ports/xdp/port.h"
#include "tools/queue_work.h"

namespace netmem::tool {

// What is wanted of every queue.
struct QueuePlan {
  XdpOptions options;            // but for queue and payload
  std::string frames;            // host memory, "host:16M"
  std::string memory;            // for the payload; empty: no header split
  std::size_t page_size = 4096;  // of `memory`
};

// What is left when a queue is done.
struct QueueReport {
  unsigned queue = 0;
  std::string description;  // the port's, of itself; the memory's
  std::string frames;
  std::string memory;                // empty: no header split
  std::string staging_unregistered;  // why the payload's device copies out of frames with a detour; empty: it does not
  bool zero_copy = false;
  QueueWork::Counts counts;
  std::string digest;
  bool digest_on_device = false;
  std::string output;
  std::string error;
  std::string books;  // empty: they balance
  std::vector<Counter> port;
  std::vector<Counter> work;
  PoolCounters frames_pool;
  PoolCounters payload_pool;
};

class QueueRunner {
 public:
  // What all queues of a session share. `alarm`: called on a queue's thread when it is done, or all that was wanted
  // came.
  struct Shared {
    std::shared_ptr<XdpFilter> filter;
    std::mutex filter_mutex;  // whoever uses the filter holds it, also through a port's making and end
    std::function<void()> alarm;
    std::function<bool()> enough;
  };
  QueueRunner(Shared& shared, unsigned queue, QueuePlan plan);
  ~QueueRunner();
  QueueRunner(const QueueRunner&) = delete;
  QueueRunner& operator=(const QueueRunner&) = delete;

  // Makes the port, and then the work: both on the new thread. Returns when the port receives, or with the reason why
  // not.
  using MakeWork = std::function<std::unique_ptr<QueueWork>(CopyEngine* payload_engine)>;
  Result<void> start(MakeWork make_work);
  // Takes what has arrived, and ends. REQUIRES: nothing more is let through to the port.
  void stop();
  void join();

  [[nodiscard]] bool done() const { return done_.load(std::memory_order_acquire); }
  [[nodiscard]] unsigned queue() const { return report_.queue; }
  // While it runs: so far.
  [[nodiscard]] QueueWork::Counts counts() const;
  [[nodiscard]] std::vector<Counter> port_counters() const;
  [[nodiscard]] std::vector<Counter> work_counters() const;
  [[nodiscard]] const std::string& description() const { return report_.description; }
  // REQUIRES for all below: join() has returned.
  [[nodiscard]] const QueueReport& report() const { return report_; }
  [[nodiscard]] const QueueWork* work() const { return work_.get(); }

 private:
  struct Machinery {
    std::shared_ptr<MemoryProvider> frames_memory;
    PagePoolPtr frames;
    std::shared_ptr<MemoryProvider> payload_memory;
    PagePoolPtr payload;
    std::unique_ptr<XdpPort> port;
  };
  Result<void> build();
  Result<void> build_payload();
  void run(const MakeWork& make_work, std::promise<Result<void>> ready);
  Result<void> loop();
  Result<void> take(std::span<Packet> packets, int timeout_ms, bool& more);
  void close_books();
  void close_pool(PagePool& pool, PoolCounters& counters);

  Shared& shared_;
  QueuePlan plan_;
  Machinery machinery_;
  std::unique_ptr<QueueWork> work_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> done_{false};
  mutable std::mutex port_mutex_;  // held to make it come and go, and by main while it uses it
  XdpPort* port_ = nullptr;
  QueueReport report_;
  std::thread thread_;
};

}  // namespace netmem::tool
