// Works on queues of one interface, a thread for each, until enough packets came, the user asks for a stop or something
// fails; then nothing more is let through, what has arrived is taken, and the books are closed.
//
// Threads: one, main's; the queues have theirs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netmem/base/fd.h"
#include "tools/packet_quota.h"
#include "tools/progress.h"
#include "tools/queue_runner.h"
#include "tools/xdp_arguments.h"

namespace netmem::tool {

struct SessionPlan {
  std::string verb;  // "receiving", "echoing": "receiving on eth0 queue 0, native, ..." is said when it does
  XdpMatch match;
  QueuePlan queues;
  std::function<std::unique_ptr<QueueWork>(unsigned queue, CopyEngine* payload_engine, PacketQuota& quota)> make_work;
};

struct SessionReport {
  std::string interface;
  std::string mode;
  std::vector<QueueReport> queues;
  std::optional<std::uint64_t> count;  // what was asked for
  bool enough = false;                 // came
  double seconds = 0;                  // from the first packet to the last
  std::vector<std::string> errors;

  [[nodiscard]] QueueWork::Counts counts() const;
  // Without a count, the user's stop is how it ends.
  [[nodiscard]] bool interrupted() const { return count.has_value() && !enough && errors.empty(); }
  [[nodiscard]] bool succeeded() const { return !interrupted() && errors.empty(); }
  [[nodiscard]] bool books_balance() const;
  // Frames that were lost or could not be sent, by the reason's name, of all queues; those that are not 0.
  [[nodiscard]] std::vector<Counter> drops() const;
};

// Counters of a port that say that a frame was lost.
bool is_drop(const std::string& counter);

class XdpSession {
 public:
  XdpSession(const XdpArguments& arguments, SessionPlan plan);
  ~XdpSession();
  XdpSession(const XdpSession&) = delete;
  XdpSession& operator=(const XdpSession&) = delete;

  // Finds the queues. Nothing is received yet.
  Result<std::vector<unsigned>> prepare();
  // REQUIRES: prepare() succeeded. An error is one of setting up.
  Result<SessionReport> run();

 private:
  Result<void> start();
  Result<void> let_through();
  void close_doors();
  void watch();
  void show(Progress& progress) const;
  void say_what_changed(Progress& progress);
  [[nodiscard]] bool some_are_done() const;
  SessionReport finish();

  XdpArguments arguments_;
  SessionPlan plan_;
  PacketQuota quota_;
  Fd alarm_;
  QueueRunner::Shared shared_;
  std::vector<unsigned> numbers_;
  std::vector<std::unique_ptr<QueueRunner>> runners_;
  std::uint64_t downs_ = 0, ups_ = 0, mtu_changes_ = 0;
};

}  // namespace netmem::tool
