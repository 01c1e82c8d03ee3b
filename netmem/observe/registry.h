// A list of page pools, the detached ones included, and a watch over those whose last pages do not come home.
//
// Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netmem/base/error.h"
#include "netmem/base/export.h"
#include "netmem/pool/page_pool.h"
#include "netmem/pool/pool_observer.h"

namespace netmem {

struct PoolInfo {
  std::uint64_t id = 0;  // never used again within a registry
  std::string name;
  std::string provider;  // its description
  std::size_t page_size = 0;
  std::chrono::steady_clock::duration age{};
  bool detached = false;                               // its owner destroyed it; pages are still out
  std::chrono::steady_clock::duration detached_for{};  // zero while it is not
  PoolCounters counters;
};

struct RegistryOptions {
  // A detached pool is stalled when pages are still in flight after this time, and again after each further one
  // (Linux: DEFER_WARN_INTERVAL, 60 s).
  std::chrono::milliseconds stall_after{60'000};
  // Called on a thread of the registry's own, with nothing locked.
  std::function<void(const PoolInfo&)> on_stall = {};
};

// Give observer() to pools as PoolOptions::observer. Pools keep what they need of the registry, so it may be destroyed
// before them: as long as one of its pools is left, stalls are still reported.
class NETMEM_EXPORT PoolRegistry {
 public:
  // Starts the thread that watches, if there is an `on_stall`. Fails when the system has no thread to give.
  static Result<PoolRegistry> create(RegistryOptions options = {});
  // Without pools left, waits for a call of `on_stall` that is under way, unless it is this call that destroys the
  // registry. With pools left it waits for nothing, and the watch ends with the last of them: what `on_stall` uses must
  // live until then.
  ~PoolRegistry();
  PoolRegistry(PoolRegistry&& other) noexcept;
  PoolRegistry& operator=(PoolRegistry&& other) noexcept;

  [[nodiscard]] std::shared_ptr<PoolObserver> observer() const;
  // Oldest first.
  [[nodiscard]] std::vector<PoolInfo> list() const;

 private:
  struct State;
  explicit PoolRegistry(std::shared_ptr<State> state);
  void end() noexcept;

  std::shared_ptr<State> state_;  // the pools and the watch hold it too
};

}  // namespace netmem
