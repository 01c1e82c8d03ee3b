#include "tools/xdp_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "tools/report.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

// How often the link is looked at when nothing else happens.
constexpr int kLookAround = 200;

constexpr auto kDrops = std::to_array<std::string_view>(
    {"fill_ring_empty", "rx_ring_full", "rx_dropped", "rx_invalid", "no_device_page", "payload_copy_failed",
     "too_many_buffers", "too_large_to_send", "too_small_to_send", "send_copy_failed", "tx_invalid", "not_sent"});

}  // namespace

bool is_drop(const std::string& counter) { return std::ranges::find(kDrops, counter) != kDrops.end(); }

QueueWork::Counts SessionReport::counts() const {
  QueueWork::Counts sum;
  for (const QueueReport& queue : queues) {
    sum.packets += queue.counts.packets;
    sum.bytes += queue.counts.bytes;
    sum.frame_bytes += queue.counts.frame_bytes;
    sum.beyond_count += queue.counts.beyond_count;
  }
  return sum;
}

bool SessionReport::books_balance() const {
  return std::ranges::all_of(queues, [](const QueueReport& queue) { return queue.books.empty(); });
}

std::vector<Counter> SessionReport::drops() const {
  std::vector<Counter> drops;
  const auto add = [&drops](const Counter& counter) {
    if (counter.value == 0 || !is_drop(counter.name)) return;
    const auto known = std::ranges::find(drops, counter.name, &Counter::name);
    if (known == drops.end()) {
      drops.push_back(counter);
    } else {
      known->value += counter.value;
    }
  };
  for (const QueueReport& queue : queues) {
    std::ranges::for_each(queue.port, add);
    std::ranges::for_each(queue.work, add);
  }
  return drops;
}

XdpSession::XdpSession(const XdpArguments& arguments, SessionPlan plan)
    : arguments_(arguments),
      plan_(std::move(plan)),
      quota_(arguments.count),
      alarm_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  shared_.alarm = [this] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(alarm_.get(), &one, sizeof one);
  };
  shared_.enough = [this] { return quota_.exhausted(); };
}

XdpSession::~XdpSession() = default;

Result<std::vector<unsigned>> XdpSession::prepare() {
  if (!alarm_) return system_error("make an eventfd", "raise the open file limit (ulimit -n)");
  Result<std::shared_ptr<XdpFilter>> filter = XdpFilter::attach(arguments_.interface, arguments_.xdp_mode());
  if (!filter) return std::unexpected(filter.error());
  shared_.filter = std::move(*filter);
  Result<std::vector<unsigned>> numbers = arguments_.chosen_queues(shared_.filter->queues());
  if (numbers) numbers_ = *numbers;
  return numbers;
}

Result<SessionReport> XdpSession::run() {
  if (Result<void> started = start(); !started) return std::unexpected(started.error());
  if (Result<void> through = let_through(); !through) return std::unexpected(through.error());
  for (const auto& runner : runners_) fmt::print(stderr, "{} on {}\n", plan_.verb, runner->description());
  watch();
  return finish();
}

Result<void> XdpSession::start() {
  for (const unsigned number : numbers_) {
    auto runner = std::make_unique<QueueRunner>(shared_, number, plan_.queues);
    const auto make_work = [this, number](CopyEngine* engine) { return plan_.make_work(number, engine, quota_); };
    if (Result<void> started = runner->start(make_work); !started) return started;
    runners_.push_back(std::move(runner));
  }
  return {};
}

Result<void> XdpSession::let_through() {
  const std::lock_guard lock(shared_.filter_mutex);
  for (const unsigned number : numbers_)
    if (Result<void> added = shared_.filter->add(number, plan_.match); !added) return added;
  return {};
}

// Where the interface has gone, nothing comes any more.
void XdpSession::close_doors() {
  const std::lock_guard lock(shared_.filter_mutex);
  for (const unsigned number : numbers_) [[maybe_unused]]
    const Result<void> removed = shared_.filter->remove(number, plan_.match);
}

void XdpSession::watch() {
  Progress progress;
  const int timeout = progress.shown() ? static_cast<int>(Progress::kInterval.count()) : kLookAround;
  while (!StopSignal::requested() && !quota_.exhausted() && !some_are_done()) {
    std::array<pollfd, 2> wait = {pollfd{StopSignal::fd(), POLLIN, 0}, pollfd{alarm_.get(), POLLIN, 0}};
    ::poll(wait.data(), wait.size(), timeout);
    say_what_changed(progress);
    if (progress.due()) show(progress);
  }
}

bool XdpSession::some_are_done() const {
  return std::ranges::any_of(runners_, [](const auto& runner) { return runner->done(); });
}

void XdpSession::show(Progress& progress) const {
  std::uint64_t packets = 0, bytes = 0;
  std::map<std::string, std::uint64_t> drops;
  for (const auto& runner : runners_) {
    const QueueWork::Counts counts = runner->counts();
    packets += counts.packets;
    bytes += counts.bytes;
    for (const auto& counters : {runner->port_counters(), runner->work_counters()})
      for (const Counter& counter : counters)
        if (counter.value != 0 && is_drop(counter.name)) drops[counter.name] += counter.value;
  }
  std::string more = drops.empty() ? ", no drops" : ", drops:";
  for (const auto& [name, value] : drops) more += fmt::format(" {} {}", name, value);
  progress.update_packets(packets, bytes, more);
}

// Every port sees the same interface: the first one's counters tell.
void XdpSession::say_what_changed(Progress& progress) {
  const std::vector<Counter> counters = runners_.front()->port_counters();
  const std::uint64_t downs = value_of(counters, "link_down"), ups = value_of(counters, "link_up"),
                      mtu_changes = value_of(counters, "mtu_changes");
  if (downs == downs_ && ups == ups_ && mtu_changes == mtu_changes_) return;
  progress.clear();
  const std::string& name = arguments_.interface;
  if (downs != downs_) fmt::print(stderr, "{} went down: waiting until it is up again\n", name);
  if (ups != ups_) fmt::print(stderr, "{} is up again\n", name);
  if (mtu_changes != mtu_changes_) fmt::print(stderr, "the MTU of {} changed\n", name);
  downs_ = downs;
  ups_ = ups;
  mtu_changes_ = mtu_changes;
}

SessionReport XdpSession::finish() {
  close_doors();
  for (const auto& runner : runners_) runner->stop();
  SessionReport report;
  QueueWork::Clock::time_point first = QueueWork::Clock::time_point::max(), last = QueueWork::Clock::time_point::min();
  for (const auto& runner : runners_) {
    runner->join();
    const QueueReport& queue = runner->report();
    report.queues.push_back(queue);
    if (!queue.error.empty() && std::ranges::find(report.errors, queue.error) == report.errors.end())
      report.errors.push_back(queue.error);
    if (!queue.books.empty()) report.errors.push_back(queue.books);
    if (queue.counts.packets == 0) continue;
    first = std::min(first, runner->work()->first());
    last = std::max(last, runner->work()->last());
  }
  report.interface = arguments_.interface;
  report.mode = mode_name(shared_.filter->mode());
  report.count = arguments_.count;
  report.enough = quota_.exhausted();
  if (last > first) report.seconds = std::chrono::duration<double>(last - first).count();
  return report;
}

}  // namespace netmem::tool
