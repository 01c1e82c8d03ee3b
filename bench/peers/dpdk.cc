// DPDK's rte_mempool, with a cache for each lcore, and its packet buffers (pktmbuf), which add a reference count and
// more to each. The calls are inline functions of DPDK's headers, compiled into the loops here.
//
// Pools have no flags: any thread may get and put, the usual choice. Nobody touches the objects, so their size matters
// only to the memory that they take.
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>

#include <array>
#include <string>
#include <utility>

#include "bench/loops/cross_core.h"
#include "bench/peers/dpdk_eal.h"
#include "bench/peers/module.h"
#include "netmem/base/check.h"

namespace netmem::bench {
namespace {

constexpr unsigned kCache = 512;  // RTE_MEMPOOL_CACHE_MAX_SIZE, and what most programs of DPDK choose or come near
constexpr unsigned kObjects = 8191;
constexpr unsigned kObjectSize = 64;
constexpr unsigned kPacketBuffers = 4095;
constexpr std::uint16_t kPacketBufferSize = 4096;

struct FreePool {
  void operator()(rte_mempool* pool) const { ::rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;

std::string next_name() {
  static unsigned made = 0;
  return "netmem-bench-" + std::to_string(made++);
}

Result<Pool> checked(rte_mempool* pool) {
  if (pool == nullptr)
    return refused("make a pool of DPDK", ::rte_strerror(rte_errno), "run fewer loops of DPDK at once");
  return Pool(pool);
}

[[noreturn, gnu::noinline, gnu::cold]] void found_empty() {
  NETMEM_CHECK(false, "a pool of DPDK with %u or more objects is empty", kPacketBuffers);
  __builtin_unreachable();
}

// What the loops need of a kind of pool, for single objects and for many.
struct Mempool {
  using Object = void*;
  static Result<Pool> make() {
    return checked(::rte_mempool_create(next_name().c_str(), kObjects, kObjectSize, kCache, 0, nullptr, nullptr,
                                        nullptr, nullptr, SOCKET_ID_ANY, 0));
  }
  static bool get(rte_mempool* pool, Object& object) { return ::rte_mempool_get(pool, &object) == 0; }
  static bool get(rte_mempool* pool, Object* objects, unsigned count) {
    return ::rte_mempool_get_bulk(pool, objects, count) == 0;
  }
  static void put(rte_mempool* pool, Object object) { ::rte_mempool_put(pool, object); }
  static void put(rte_mempool* pool, const Object* objects, unsigned count) {
    ::rte_mempool_put_bulk(pool, objects, count);
  }
};

struct Pktmbuf {
  using Object = rte_mbuf*;
  static Result<Pool> make() {
    return checked(::rte_pktmbuf_pool_create(next_name().c_str(), kPacketBuffers, kCache, 0,
                                             RTE_PKTMBUF_HEADROOM + kPacketBufferSize, SOCKET_ID_ANY));
  }
  static bool get(rte_mempool* pool, Object& object) {
    object = ::rte_pktmbuf_alloc(pool);
    return object != nullptr;
  }
  static bool get(rte_mempool* pool, Object* objects, unsigned count) {
    return ::rte_pktmbuf_alloc_bulk(pool, objects, count) == 0;
  }
  static void put(rte_mempool*, Object object) { ::rte_pktmbuf_free(object); }
  static void put(rte_mempool*, const Object* objects, unsigned count) {
    ::rte_pktmbuf_free_bulk(const_cast<Object*>(objects), count);
  }
};

template <class Kind>
[[gnu::noinline]] void single(rte_mempool* pool, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    typename Kind::Object object;
    if (!Kind::get(pool, object)) [[unlikely]]
      found_empty();
    touch(object);
    Kind::put(pool, object);
  }
}

template <class Kind>
[[gnu::noinline]] void burst(rte_mempool* pool, std::uint64_t elements) {
  std::array<typename Kind::Object, kLargestBatch> objects;
  for (std::uint64_t done = 0; done < elements; done += objects.size()) {
    for (auto& object : objects) {
      if (!Kind::get(pool, object)) [[unlikely]]
        found_empty();
    }
    auto* all = objects.data();
    touch(all);
    for (auto object : objects) Kind::put(pool, object);
  }
}

template <class Kind, unsigned Batch>
[[gnu::noinline]] void bulk(rte_mempool* pool, std::uint64_t elements) {
  std::array<typename Kind::Object, Batch> objects;
  for (std::uint64_t done = 0; done < elements; done += Batch) {
    if (!Kind::get(pool, objects.data(), Batch)) [[unlikely]]
      found_empty();
    auto* all = objects.data();
    touch(all);
    Kind::put(pool, objects.data(), Batch);
  }
}

// See cross_core.h. Every producer is an lcore, and so has a cache of its own.
template <class Kind>
class PoolSubject {
 public:
  using Element = typename Kind::Object;

  explicit PoolSubject(Pool pool) : pool_(std::move(pool)) {}

  std::size_t take(std::span<Element> out) {
    if (out.size() == 1) return Kind::get(pool_.get(), out.front()) ? 1 : 0;
    return Kind::get(pool_.get(), out.data(), static_cast<unsigned>(out.size())) ? out.size() : 0;
  }

  class Producer {
   public:
    explicit Producer(rte_mempool* pool) : pool_(pool) {}
    void give_back(std::span<const Element> elements) {
      if (elements.size() == 1) {
        Kind::put(pool_, elements.front());
      } else {
        Kind::put(pool_, elements.data(), static_cast<unsigned>(elements.size()));
      }
    }

   private:
    rte_mempool* pool_;
    Lcore lcore_;
  };
  Producer producer() { return Producer(pool_.get()); }

 private:
  Pool pool_;
};

template <class Kind>
Result<Pool> started_pool() {
  if (auto started = start_eal(); !started) return std::unexpected(started.error());
  return Kind::make();
}

template <class Kind>
MadeLoop one_thread(void (*body)(rte_mempool*, std::uint64_t)) {
  auto pool = started_pool<Kind>();
  if (!pool) return std::unexpected(pool.error());
  return simple_loop([body, pool = std::move(*pool)](std::uint64_t elements) { body(pool.get(), elements); });
}

template <class Kind>
MadeLoop cross_core(std::size_t batch, std::size_t producers) {
  auto pool = started_pool<Kind>();
  if (!pool) return std::unexpected(pool.error());
  return cross_core_loop(std::make_unique<PoolSubject<Kind>>(std::move(*pool)), batch, producers);
}

// The loops of one kind of pool, for people and as `slug` in names.
template <class Kind>
class Adder {
 public:
  Adder(LoopList& loops, std::string slug, std::string subject)
      : loops_(loops), slug_(std::move(slug)), subject_(std::move(subject)) {}

  void add_one_thread(const std::string& group, const std::string& how, std::uint64_t batch,
                      void (*body)(rte_mempool*, std::uint64_t)) {
    add(group, how, batch, 0, [body] { return one_thread<Kind>(body); });
  }
  void add_cross_core(std::size_t batch, std::size_t producers) {
    std::string group = "cross_core_" + std::to_string(batch);
    std::string how =
        std::string("got ") + (batch == 1 ? "one at a time" : std::to_string(batch) + " at once") + ", and put so by ";
    if (producers == 1) {
      how += "another thread";
    } else {
      group += "_from_" + std::to_string(producers);
      how += std::to_string(producers) + " other threads in turn";
    }
    add(group, how, batch, producers, [batch, producers] { return cross_core<Kind>(batch, producers); });
  }

 private:
  void add(const std::string& group, const std::string& how, std::uint64_t batch, std::uint64_t producers,
           std::function<MadeLoop()> make) {
    loops_.push_back({.name = group + "/" + slug_,
                      .group = group,
                      .subject = subject_,
                      .element = how + ", cache of " + std::to_string(kCache) + " (" + ::rte_version() + ")",
                      .batch = batch,
                      .producers = producers,
                      .make = std::move(make)});
  }

  LoopList& loops_;
  std::string slug_;
  std::string subject_;
};

constexpr const char* kSingle = "got and put";
constexpr const char* kBurst = "64 got one by one, then put one by one";
constexpr const char* kBulk = "got and put with its whole batch";

void add_mempool(LoopList& loops) {
  Adder<Mempool> adder(loops, "dpdk_mempool", "DPDK rte_mempool");
  adder.add_one_thread("page_pool01_fast_path", kSingle, 1, single<Mempool>);
  adder.add_one_thread("burst_64", kBurst, 64, burst<Mempool>);
  adder.add_one_thread("bulk_8", kBulk, 8, bulk<Mempool, 8>);
  adder.add_one_thread("bulk_32", kBulk, 32, bulk<Mempool, 32>);
  adder.add_one_thread("bulk_64", kBulk, 64, bulk<Mempool, 64>);
  for (const std::size_t batch : std::array<std::size_t, 4>{1, 8, 32, 64}) adder.add_cross_core(batch, 1);
  for (const std::size_t producers : std::array<std::size_t, 2>{2, 4}) adder.add_cross_core(64, producers);
}

void add_pktmbuf(LoopList& loops) {
  Adder<Pktmbuf> adder(loops, "dpdk_pktmbuf", "DPDK pktmbuf");
  adder.add_one_thread("page_pool01_fast_path", kSingle, 1, single<Pktmbuf>);
  adder.add_one_thread("burst_64", kBurst, 64, burst<Pktmbuf>);
  adder.add_one_thread("bulk_64", kBulk, 64, bulk<Pktmbuf, 64>);
  for (const std::size_t batch : std::array<std::size_t, 2>{1, 64}) adder.add_cross_core(batch, 1);
}

}  // namespace
}  // namespace netmem::bench

void netmem_peer_loops(netmem::bench::LoopList& loops) {
  netmem::bench::add_mempool(loops);
  netmem::bench::add_pktmbuf(loops);
}
