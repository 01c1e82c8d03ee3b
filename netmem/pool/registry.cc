#include "netmem/pool/registry.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace netmem {

using Clock = std::chrono::steady_clock;

struct PoolRegistry::State {
  struct Entry {
    std::uint64_t id;
    const PagePool* pool;
    std::optional<Clock::time_point> detached;
    Clock::time_point next_warning;
  };

  explicit State(RegistryOptions opts) : options(std::move(opts)) {}

  [[nodiscard]] static PoolInfo describe(const Entry& entry, Clock::time_point now) {
    const PagePool& pool = *entry.pool;
    return {.id = entry.id,
            .name = pool.name(),
            .provider = pool.provider().describe(),
            .page_size = pool.page_size(),
            .age = now - pool.created(),
            .detached = entry.detached.has_value(),
            .detached_for = entry.detached ? now - *entry.detached : Clock::duration::zero(),
            .counters = pool.counters()};
  }

  // The earliest warning that is due, if any; when the next one will be otherwise.
  std::optional<PoolInfo> take_due(Clock::time_point now, Clock::time_point& next) {
    for (Entry& entry : entries) {
      if (!entry.detached) continue;
      if (entry.next_warning <= now) {
        entry.next_warning = now + options.stall_after;
        return describe(entry, now);
      }
      next = std::min(next, entry.next_warning);
    }
    return std::nullopt;
  }

  void watch() {
    std::unique_lock lock(mutex);
    while (!stop) {
      Clock::time_point next = Clock::now() + std::chrono::hours(24);
      if (const auto due = take_due(Clock::now(), next)) {
        lock.unlock();
        options.on_stall(*due);
        lock.lock();
        continue;
      }
      changed.wait_until(lock, next);
    }
  }

  const RegistryOptions options;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Entry> entries;
  std::uint64_t last_id = 0;
  bool stop = false;
  std::thread watcher;
};

std::shared_ptr<PoolRegistry> PoolRegistry::create(RegistryOptions options) {
  return std::make_shared<PoolRegistry>(std::move(options));
}

PoolRegistry::PoolRegistry(RegistryOptions options) : state_(std::make_shared<State>(std::move(options))) {}

PoolRegistry::~PoolRegistry() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  if (!state_->watcher.joinable()) return;
  // The callback itself may drop the last page of the last pool.
  if (state_->watcher.get_id() == std::this_thread::get_id()) {
    state_->watcher.detach();
  } else {
    state_->watcher.join();
  }
}

std::vector<PoolInfo> PoolRegistry::list() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<PoolInfo> pools;
  for (const State::Entry& entry : state_->entries) pools.push_back(State::describe(entry, Clock::now()));
  return pools;
}

void PoolRegistry::add(const PagePool& pool) {
  const std::scoped_lock lock(state_->mutex);
  state_->entries.push_back({++state_->last_id, &pool, std::nullopt, {}});
}

void PoolRegistry::remove(const PagePool& pool) noexcept {
  const std::scoped_lock lock(state_->mutex);
  std::erase_if(state_->entries, [&](const State::Entry& entry) { return entry.pool == &pool; });
}

void PoolRegistry::pool_detached(const PagePool& pool) noexcept {
  {
    const std::scoped_lock lock(state_->mutex);
    const auto entry = std::ranges::find(state_->entries, &pool, &State::Entry::pool);
    entry->detached = Clock::now();
    entry->next_warning = *entry->detached + state_->options.stall_after;
    const bool wanted = state_->options.on_stall && pool.counters().inflight() > 0;
    if (wanted && !state_->watcher.joinable()) state_->watcher = std::thread([state = state_] { state->watch(); });
  }
  state_->changed.notify_all();
}

}  // namespace netmem
