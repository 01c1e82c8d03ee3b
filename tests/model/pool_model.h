// The page pool once more, as plainly as it can be said, and a driver that runs both side by side.
//
// The model knows pages by number and keeps cache, ring and the provider's queue as containers. Each step of the driver
// does one operation on the real pools and on the model, then compares what came out and every counter. The steps come
// from a string of bytes: a seeded generator in the test, a fuzzer elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "netmem/pool/page_pool.h"
#include "tests/support/test_provider.h"
#include "tests/support/worker.h"

namespace netmem::model {

using PageNumber = std::size_t;
inline constexpr PageNumber kNone = ~PageNumber{0};

struct ModelPage {
  int node = 0;
  bool transient = false;
  std::uint32_t refs = 0;     // held by the program
  bool being_cut = false;     // the pool holds it, too, to cut fragments from
  bool disconnected = false;  // its last holder returns it to the provider
  std::size_t pool = 0;       // that granted it
};

struct ModelPool {
  bool alive = true;
  std::size_t ring_capacity = 0;
  int numa_node = -1;
  std::vector<PageNumber> cache;  // top at the back
  std::deque<PageNumber> lane;    // the consumer's, of the ring
  std::deque<PageNumber> ring;
  PageNumber cut = kNone;
  std::uint32_t cut_offset = 0;
  PoolCounters counters;
};

// All pools and their common provider.
class Model {
 public:
  Model(std::size_t pools, std::size_t ring_capacity);

  PageNumber alloc(std::size_t pool);
  void retain(PageNumber page) { ++pages_.at(page).refs; }
  void drop(PageNumber page, bool consumer);
  void recycle(PageNumber page);
  void recycle_to_ring(PageNumber page, bool consumer);
  void disconnect(PageNumber page);
  void release(PageNumber page);
  PageNumber alloc_fragment(std::size_t pool, std::uint32_t size, std::uint32_t& offset);
  void flush_fragments(std::size_t pool);
  void set_numa_node(std::size_t pool, int node) { pools_.at(pool).numa_node = node; }
  std::size_t replace_pool(std::size_t pool);  // the number of the new one

  [[nodiscard]] PoolCounters counters(std::size_t pool) const;
  [[nodiscard]] std::size_t free_pages() const { return free_.size(); }
  [[nodiscard]] const ModelPage& page(PageNumber page) const { return pages_.at(page); }

  static constexpr std::uint32_t kPages = 160;
  static std::vector<TestProvider::RegionOptions> regions();

 private:
  bool refill(ModelPool& pool);
  bool grant(std::size_t pool);
  bool leave(PageNumber page);  // one reference less; true when the page is to go home
  void go_home(PageNumber page, bool consumer);
  void bring_in(ModelPool& pool, std::deque<PageNumber>& from);
  void to_lane(ModelPool& pool, PageNumber page);
  void to_ring(ModelPool& pool, PageNumber page);
  void to_provider(PageNumber page);
  PageNumber drain(ModelPool& pool);

  std::vector<ModelPage> pages_;
  std::deque<PageNumber> free_;
  std::vector<ModelPool> pools_;
};

// Runs operations on real pools and on the model. Stops the program (NETMEM_CHECK) at the first difference.
class Driver {
 public:
  Driver();
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Consumes a few bytes of `input`; false when too few are left.
  bool step(std::span<const std::uint8_t>& input);
  // Drops everything, destroys the pools and checks that the provider has all its pages.
  void finish();

  struct Held {  // one reference
    Netmem netmem;
    PageNumber page;
    std::size_t pool;  // real pool that it came from
  };

 private:
  static constexpr std::size_t kPools = 2;
  struct Real {
    PagePoolPtr pool;
    std::size_t model;  // its number in the model
  };
  struct Operation {
    std::uint8_t code;
    std::uint8_t amount;
    std::uint8_t choice;
  };

  void run(const Operation& op);
  void alloc(std::size_t which, std::size_t count);
  void alloc_fragment(std::size_t which, std::uint32_t size);
  void drop_one(std::uint8_t choice, bool consumer);
  void drop_some(std::size_t count, std::uint8_t choice, bool consumer);
  void retain_one(std::uint8_t choice);
  void recycle_one(std::uint8_t choice);
  void recycle_some(std::size_t count, std::uint8_t choice);
  void recycle_one_to_ring(std::uint8_t choice, bool consumer);
  void disconnect_one(std::uint8_t choice);
  void release_one(std::uint8_t choice);
  void replace_pool(std::size_t which);
  void compare() const;
  void compare_counters(const Real& real) const;
  [[nodiscard]] PageNumber number(Netmem page) const;
  [[nodiscard]] Held take(std::uint8_t choice);
  [[nodiscard]] bool alive(const Held& held) const;

  std::shared_ptr<TestProvider> provider_;
  std::vector<const Region*> regions_;
  std::array<Real, kPools> real_;
  Model model_;
  std::vector<Held> held_;
  Worker other_thread_;
};

}  // namespace netmem::model
