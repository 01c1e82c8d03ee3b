#include "tools/queue_runner.h"

#include <fmt/format.h>

#include <utility>

#include "netmem/providers/host/huge.h"
#include "netmem/providers/spec/memory_spec.h"
#include "tools/report.h"
#include "tools/staging_memory.h"

namespace netmem::tool {
namespace {

constexpr std::size_t kBatch = 64;
// Frames have pages of this size; chunks of 2 KiB are fragments of them.
constexpr std::size_t kFramePage = 4096;

// How a port's description begins: whoever reads the program's lines knows.
constexpr std::string_view kPortName = "xdp ";

Result<PagePoolPtr> make_pool(const std::shared_ptr<MemoryProvider>& memory, std::string name) {
  PoolOptions options;
  options.name = std::move(name);
  options.allow_unreadable = memory->is_device();
  return PagePool::create(memory, std::move(options));
}

// The kernel knows one region: what `huge` finds outside of its own would be no good for frames.
Result<std::shared_ptr<MemoryProvider>> make_frames(const std::string& text, std::shared_ptr<DmaDevice> dma) {
  const Result<MemorySpec> spec = parse_memory_spec(text);
  if (!spec) return std::unexpected(spec.error());
  if (spec->kind != "huge") return make_provider(*spec, kFramePage, std::move(dma));
  return make_huge_provider({.size = spec->size, .page_size = kFramePage, .outside_size = 0, .dma = std::move(dma)});
}

}  // namespace

QueueRunner::QueueRunner(Shared& shared, unsigned queue, QueuePlan plan) : shared_(shared), plan_(std::move(plan)) {
  report_.queue = queue;
}

QueueRunner::~QueueRunner() {
  if (!thread_.joinable()) return;
  stop();
  join();
}

Result<void> QueueRunner::start(MakeWork make_work) {
  std::promise<Result<void>> promise;
  std::future<Result<void>> ready = promise.get_future();
  thread_ = std::thread([this, make_work = std::move(make_work), promise = std::move(promise)]() mutable {
    run(make_work, std::move(promise));
  });
  return ready.get();
}

void QueueRunner::stop() {
  stopping_.store(true, std::memory_order_release);
  const std::lock_guard lock(port_mutex_);
  if (port_ != nullptr) port_->wake();
}

void QueueRunner::join() {
  if (thread_.joinable()) thread_.join();
}

QueueWork::Counts QueueRunner::counts() const { return work_ ? work_->counts() : QueueWork::Counts(); }

std::vector<Counter> QueueRunner::port_counters() const {
  const std::lock_guard lock(port_mutex_);
  return port_ == nullptr ? report_.port : port_->counters();
}

std::vector<Counter> QueueRunner::work_counters() const { return work_ ? work_->counters() : std::vector<Counter>(); }

Result<void> QueueRunner::build() {
  XdpOptions options = plan_.options;
  options.queue = report_.queue;
  std::shared_ptr<DmaDevice> payload_dma;  // of what header split copies out of the frames
  if (!plan_.memory.empty()) {
    if (auto made = build_payload(); !made) return made;
    options.payload = machinery_.payload.get();
    payload_dma = machinery_.payload_memory->staging_dma();
  }
  Result<StagingMemory> frames = make_staging_memory(
      payload_dma, [&](std::shared_ptr<DmaDevice> dma) { return make_frames(plan_.frames, std::move(dma)); });
  if (!frames) return std::unexpected(frames.error());
  machinery_.frames_memory = std::move(frames->memory);
  report_.staging_unregistered = std::move(frames->unregistered);
  Result<PagePoolPtr> pool = make_pool(machinery_.frames_memory, fmt::format("frames {}", report_.queue));
  if (!pool) return std::unexpected(pool.error());
  machinery_.frames = std::move(*pool);
  report_.frames = machinery_.frames_memory->describe();
  const std::lock_guard lock(shared_.filter_mutex);
  Result<std::unique_ptr<XdpPort>> port = XdpPort::create(shared_.filter, *machinery_.frames, options);
  if (!port) return std::unexpected(port.error());
  machinery_.port = std::move(*port);
  report_.description = machinery_.port->describe();
  if (report_.description.starts_with(kPortName)) report_.description.erase(0, kPortName.size());
  report_.zero_copy = machinery_.port->zero_copy();
  return {};
}

Result<void> QueueRunner::build_payload() {
  Result<std::shared_ptr<MemoryProvider>> memory = make_provider(plan_.memory, plan_.page_size);
  if (!memory) return std::unexpected(memory.error());
  machinery_.payload_memory = std::move(*memory);
  Result<PagePoolPtr> payload = make_pool(machinery_.payload_memory, fmt::format("payload {}", report_.queue));
  if (!payload) return std::unexpected(payload.error());
  machinery_.payload = std::move(*payload);
  report_.memory = machinery_.payload_memory->describe();
  return {};
}

void QueueRunner::run(const MakeWork& make_work, std::promise<Result<void>> ready) {
  Result<void> built = build();
  if (built) {
    const std::lock_guard lock(port_mutex_);
    port_ = machinery_.port.get();
    work_ = make_work(machinery_.payload_memory ? &machinery_.payload_memory->copy_engine() : nullptr);
  }
  const bool runs = built.has_value();
  ready.set_value(std::move(built));
  if (!runs) return;
  Result<void> outcome = loop();
  if (outcome) outcome = work_->finish(*machinery_.port);
  if (!outcome) report_.error = outcome.error().message();
  close_books();
  done_.store(true, std::memory_order_release);
  shared_.alarm();
}

Result<void> QueueRunner::loop() {
  std::vector<Packet> packets(kBatch);
  bool more = true;
  while (!stopping_.load(std::memory_order_acquire))
    if (Result<void> taken = take(packets, -1, more); !taken) return taken;
  // Nothing more is let through: what the kernel is still writing comes within a millisecond.
  for (more = true; more;)
    if (Result<void> taken = take(packets, 1, more); !taken) return taken;
  return {};
}

Result<void> QueueRunner::take(std::span<Packet> packets, int timeout_ms, bool& more) {
  const Result<std::size_t> count = machinery_.port->receive(packets, timeout_ms);
  if (!count) return std::unexpected(count.error());
  more = *count != 0;
  if (!more) return {};
  Result<void> processed = work_->process(*machinery_.port, packets.first(*count));
  drop(packets.first(*count));
  if (shared_.enough()) shared_.alarm();
  return processed;
}

void QueueRunner::close_books() {
  report_.counts = work_->counts();
  report_.digest = work_->digest();
  report_.digest_on_device = work_->digest_on_device();
  report_.output = work_->output();
  report_.work = work_->counters();
  {
    const std::lock_guard filter_lock(shared_.filter_mutex);
    const std::lock_guard lock(port_mutex_);
    report_.port = machinery_.port->counters();
    port_ = nullptr;
    machinery_.port.reset();
  }
  if (const std::uint64_t received = value_of(report_.port, "received"),
      taken = report_.counts.packets + report_.counts.beyond_count;
      received != taken && report_.error.empty())
    report_.books = fmt::format("cannot close the books of queue {}: the port received {} packets, and {} were seen",
                                report_.queue, received, taken);
  close_pool(*machinery_.frames, report_.frames_pool);
  if (machinery_.payload) close_pool(*machinery_.payload, report_.payload_pool);
}

void QueueRunner::close_pool(PagePool& pool, PoolCounters& counters) {
  pool.flush_fragments();  // the page that small pieces are cut from
  counters = pool.counters();
  if (std::string imbalance = find_imbalance(pool); !imbalance.empty()) report_.books = std::move(imbalance);
}

}  // namespace netmem::tool
