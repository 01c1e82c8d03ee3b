// A list of page pools, the detached ones included, and a watch over those whose last pages do not come home.
//
// Threads: any. The watch is a thread of its own that exists only while a detached pool is being waited for and a
// callback is set.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "netmem/base/export.h"
#include "netmem/pool/page_pool.h"

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
  // Called on the registry's own thread, with nothing locked.
  std::function<void(const PoolInfo&)> on_stall = {};
};

class NETMEM_EXPORT PoolRegistry {
 public:
  static std::shared_ptr<PoolRegistry> create(RegistryOptions options = {});
  explicit PoolRegistry(RegistryOptions options);
  ~PoolRegistry();
  PoolRegistry(const PoolRegistry&) = delete;
  PoolRegistry& operator=(const PoolRegistry&) = delete;

  // Oldest first.
  [[nodiscard]] std::vector<PoolInfo> list() const;

 private:
  friend class PagePool;
  void add(const PagePool& pool);
  void remove(const PagePool& pool) noexcept;
  void pool_detached(const PagePool& pool) noexcept;

  struct State;
  std::shared_ptr<State> state_;  // the watch holds it too
};

}  // namespace netmem
