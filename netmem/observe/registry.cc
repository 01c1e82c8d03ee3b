#include "netmem/observe/registry.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace netmem {

using Clock = std::chrono::steady_clock;

// What the registry, its pools and the watch share. The last of them destroys it, and never waits for that.
struct PoolRegistry::State final : PoolObserver {
  struct Entry {
    std::uint64_t id;
    const PagePool* pool;
    std::optional<Clock::time_point> detached;
    std::optional<Clock::time_point> next_warning = {};
  };

  explicit State(RegistryOptions opts) : options(std::move(opts)) {}

  void added(const PagePool& pool) override {
    const std::scoped_lock lock(mutex);
    entries.push_back({++last_id, &pool, std::nullopt});
  }

  void detached(const PagePool& pool, bool pages_out) noexcept override {
    {
      const std::scoped_lock lock(mutex);
      const auto entry = std::ranges::find(entries, &pool, &Entry::pool);
      entry->detached = Clock::now();
      if (pages_out) entry->next_warning = *entry->detached + options.stall_after;
    }
    changed.notify_all();
  }

  void removed(const PagePool& pool) noexcept override {
    {
      const std::scoped_lock lock(mutex);
      std::erase_if(entries, [&](const Entry& entry) { return entry.pool == &pool; });
    }
    changed.notify_all();
  }

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
      if (!entry.next_warning) continue;
      if (*entry.next_warning <= now) {
        entry.next_warning = now + options.stall_after;
        return describe(entry, now);
      }
      next = std::min(next, *entry.next_warning);
    }
    return std::nullopt;
  }

  [[nodiscard]] bool ended() const { return abandoned && entries.empty(); }

  void watch() {
    std::unique_lock lock(mutex);
    while (!ended()) {
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
  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::vector<Entry> entries;
  std::uint64_t last_id = 0;
  bool abandoned = false;  // the registry is gone
  std::thread watcher;     // the registry's alone
};

Result<PoolRegistry> PoolRegistry::create(RegistryOptions options) {
  auto state = std::make_shared<State>(std::move(options));
  if (state->options.on_stall) {
    try {
      state->watcher = std::thread([state] { state->watch(); });
    } catch (const std::system_error& error) {
      return system_error("start the thread that watches for stalled pools",
                          "raise the limit of processes (ulimit -u), or leave on_stall empty", error.code().value());
    }
  }
  return PoolRegistry(std::move(state));
}

PoolRegistry::PoolRegistry(std::shared_ptr<State> state) : state_(std::move(state)) {}
PoolRegistry::PoolRegistry(PoolRegistry&& other) noexcept = default;
PoolRegistry& PoolRegistry::operator=(PoolRegistry&& other) noexcept {
  if (this != &other) {
    end();
    state_ = std::move(other.state_);
  }
  return *this;
}
PoolRegistry::~PoolRegistry() { end(); }

void PoolRegistry::end() noexcept {
  if (!state_) return;
  bool pools_left = false;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->abandoned = true;
    pools_left = !state_->entries.empty();
  }
  state_->changed.notify_all();
  if (!state_->watcher.joinable()) return;
  if (pools_left || state_->watcher.get_id() == std::this_thread::get_id()) {
    state_->watcher.detach();
  } else {
    state_->watcher.join();
  }
}

std::shared_ptr<PoolObserver> PoolRegistry::observer() const { return state_; }

std::vector<PoolInfo> PoolRegistry::list() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<PoolInfo> pools;
  for (const State::Entry& entry : state_->entries) pools.push_back(State::describe(entry, Clock::now()));
  return pools;
}

}  // namespace netmem
