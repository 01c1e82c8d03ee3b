// How should a pool that serves two kinds of memory tell them apart? The designs that were argued about when device
// memory came to the kernel's page_pool, as small pools that differ in nothing else:
//
//   low_bit      two descriptor types, the pointer's low bit says which; every helper asks it
//   type_field   two descriptor types with a common first field that says which; every helper reads it
//   virtual      two descriptor types, one virtual call for each page that comes home
//   one          one descriptor for every kind, and nobody asks (netmem)
//
// Each has the same cache, handle, generation and check of the page's life, and the same work: alloc and recycle one by
// one, in bursts of 64, and 64 in bulk, from one pool (one) or from a pool of each kind in random order (mixed), as in
// a program that keeps headers in host memory and payload on a device. bench/kind-dispatch runs it; docs/decisions/ has
// what came out. Same arguments as hot_loops.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/experiment/driver.h"
#include "netmem/base/check.h"

namespace netmem::bench {
namespace {

constexpr std::size_t kPages = 128;
constexpr std::size_t kBatch = 64;
constexpr unsigned kGenerationShift = 48;
constexpr std::uint64_t kOneGeneration = std::uint64_t{1} << kGenerationShift;
constexpr std::uint64_t kDeviceBit = 1;

// Generation, descriptor address, and whatever a design keeps in bit 0.
using Handle = std::uint64_t;

template <class T>
T* pointer(Handle page) {
  return reinterpret_cast<T*>(page & (kOneGeneration - 1) & ~kDeviceBit);
}

struct Cache {
  void push(Handle page) {
    NETMEM_CHECK(height < kPages, "%zu pages", height);
    pages[height++] = page;
  }
  [[nodiscard]] Handle pop() { return height == 0 ? 0 : pages[--height]; }

  // REQUIRES: that many are there.
  void pop_many(std::span<Handle> out) {
    height -= out.size();
    std::copy_n(&pages[height], out.size(), out.data());
  }

  std::size_t height = 0;
  std::array<Handle, kPages> pages{};
};

// What pages of the two kinds have, in structures that grew up apart, as struct page and net_iov did.
struct HostPage {
  std::uint32_t flags;
  std::uint32_t refs;
  Cache* owner;
  std::uint64_t life;
  std::uint64_t address;
};
struct DevicePage {
  std::uint64_t address;
  Cache* owner;
  std::uint64_t area;
  std::uint64_t life;
  std::uint32_t refs;
};

// ---- the designs: where a page's references, owner and life are ----

// Two descriptor types; every helper asks Design::is_device() which one it has.
template <class Design>
struct Branching {
  static std::uint32_t& refs(Handle page) {
    return Design::is_device(page) ? pointer<typename Design::Device>(page)->refs
                                   : pointer<typename Design::Host>(page)->refs;
  }
  static Cache*& owner(Handle page) {
    return Design::is_device(page) ? pointer<typename Design::Device>(page)->owner
                                   : pointer<typename Design::Host>(page)->owner;
  }
  static std::uint64_t& life(Handle page) {
    return Design::is_device(page) ? pointer<typename Design::Device>(page)->life
                                   : pointer<typename Design::Host>(page)->life;
  }
};

struct LowBit : Branching<LowBit> {
  struct alignas(64) Host : HostPage {};
  struct alignas(64) Device : DevicePage {};
  static bool is_device(Handle page) { return (page & kDeviceBit) != 0; }
  template <class Kind>
  static Handle handle(Kind* page) {
    return reinterpret_cast<Handle>(page) | (std::is_same_v<Kind, Device> ? kDeviceBit : 0);
  }
};

struct TypeField : Branching<TypeField> {
  enum class Type : std::uint32_t { host, device };
  struct Common {
    Type type = Type::host;
  };
  struct alignas(64) Host : Common, HostPage {};
  struct alignas(64) Device : Common, DevicePage {
    Device() : Common{Type::device}, DevicePage{} {}
  };
  static bool is_device(Handle page) { return pointer<Common>(page)->type == Type::device; }
  template <class Kind>
  static Handle handle(Kind* page) {
    return reinterpret_cast<Handle>(page);
  }
};

struct One {
  struct alignas(64) Host : HostPage {};
  struct Device : Host {};
  static std::uint32_t& refs(Handle page) { return pointer<Host>(page)->refs; }
  static Cache*& owner(Handle page) { return pointer<Host>(page)->owner; }
  static std::uint64_t& life(Handle page) { return pointer<Host>(page)->life; }
  template <class Kind>
  static Handle handle(Kind* page) {
    return reinterpret_cast<Handle>(page) | (std::is_same_v<Kind, Device> ? kDeviceBit : 0);
  }
};

// The last reference is dropped: the checks that the pool makes, in its order (netmem/core/reference.h, page_owner.h).
template <class Design>
[[gnu::always_inline]] inline void drop(Handle page) {
  NETMEM_CHECK(Design::refs(page) == 1, "shared pages are not part of it");
  Cache* owner = Design::owner(page);
  NETMEM_CHECK(Design::life(page) == page, "dropped twice");
  const Handle next = page + kOneGeneration;
  Design::life(page) = next;
  owner->push(next);
}

struct Virtual {
  struct Common {
    virtual ~Common() = default;
    virtual void drop(Handle page) = 0;
  };
  template <class Fields>
  struct alignas(64) Page final : Common, Fields {
    Page() : Fields{} {}
    void drop(Handle page) override {
      NETMEM_CHECK(this->refs == 1, "shared pages are not part of it");
      NETMEM_CHECK(this->life == page, "dropped twice");
      this->life = page + kOneGeneration;
      this->owner->push(this->life);
    }
  };
  using Host = Page<HostPage>;
  using Device = Page<DevicePage>;
  template <class Kind>
  static Handle handle(Kind* page) {
    return reinterpret_cast<Handle>(static_cast<Common*>(page));
  }
};

template <>
[[gnu::always_inline]] inline void drop<Virtual>(Handle page) {
  pointer<Virtual::Common>(page)->drop(page);
}

// ---- a pool of each kind, and the order in which a program uses them ----

constexpr std::size_t kOrder = std::size_t{1} << 20;  // more than a branch predictor remembers

template <class Design>
class Pools {
 public:
  explicit Pools(bool mixed) : mixed_(mixed), order_(kOrder) {
    fill(host_, caches_[0]);
    fill(device_, caches_[1]);
    std::mt19937 random(1);
    for (std::size_t i = 0; i < kOrder; ++i) order_[i] = mixed ? static_cast<std::uint8_t>(random() & 1) : 1;
    // Each 64 have 32 of each kind, so that bulk is what it says.
    for (std::size_t i = 0; mixed && i < kOrder; i += kBatch) {
      for (std::size_t j = 0; j < kBatch; ++j) order_[i + j] = static_cast<std::uint8_t>(j & 1);
      std::shuffle(&order_[i], &order_[i] + kBatch, random);
    }
  }

  Cache& next() {
    Cache& cache = caches_[order_[at_]];
    at_ = (at_ + 1) % kOrder;
    return cache;
  }

  // 64 at once; of mixed kinds 32 from each pool, in the program's order.
  void next_many(std::span<Handle, kBatch> out) {
    if (!mixed_) return caches_[1].pop_many(out);
    std::array<std::array<Handle, kBatch / 2>, 2> taken;
    std::array<std::size_t, 2> used{};
    for (std::size_t kind = 0; kind < 2; ++kind) caches_[kind].pop_many(taken[kind]);
    for (Handle& page : out) {
      const std::size_t kind = order_[at_++];
      page = taken[kind][used[kind]++ % (kBatch / 2)];
    }
    at_ %= kOrder;
  }

 private:
  template <class Kind>
  static void fill(std::vector<Kind>& pages, Cache& cache) {
    for (Kind& page : pages) {
      page.refs = 1;
      page.owner = &cache;
      page.life = Design::handle(&page);
      cache.push(page.life);
    }
  }

  bool mixed_;
  std::array<Cache, 2> caches_;
  std::vector<typename Design::Host> host_ = std::vector<typename Design::Host>(kPages);
  std::vector<typename Design::Device> device_ = std::vector<typename Design::Device>(kPages);
  std::vector<std::uint8_t> order_;
  std::size_t at_ = 0;
};

template <class Design>
[[gnu::noinline]] void fast_path(Pools<Design>& pools, std::uint64_t elements) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    Handle page = pools.next().pop();
    touch(page);
    drop<Design>(page);
  }
}

template <class Design>
[[gnu::noinline]] void burst_64(Pools<Design>& pools, std::uint64_t elements) {
  std::array<Handle, kBatch> pages;
  for (std::uint64_t done = 0; done < elements; done += kBatch) {
    for (Handle& page : pages) {
      page = pools.next().pop();
      touch(page);
    }
    for (Handle page : pages) {
      touch(page);
      drop<Design>(page);
    }
  }
}

template <class Design>
[[gnu::noinline]] void bulk_64(Pools<Design>& pools, std::uint64_t elements) {
  std::array<Handle, kBatch> pages;
  for (std::uint64_t done = 0; done < elements; done += kBatch) {
    pools.next_many(pages);
    Handle* taken = pages.data();
    touch(taken);
    for (std::size_t i = 0; i < kBatch; ++i) drop<Design>(taken[i]);
  }
}

template <class Design>
void add(LoopList& all, const std::string& design) {
  struct Work {
    const char* name;
    std::uint64_t batch;
    void (*run)(Pools<Design>&, std::uint64_t);
  };
  constexpr std::array kWork = {Work{"fast_path", 1, fast_path<Design>}, Work{"burst_64", kBatch, burst_64<Design>},
                                Work{"bulk_64", kBatch, bulk_64<Design>}};
  for (const Work& work : kWork) {
    for (const bool mixed : {false, true}) {
      const auto make = [run = work.run, mixed]() -> MadeLoop {
        return simple_loop(
            [run, pools = std::make_shared<Pools<Design>>(mixed)](std::uint64_t elements) { run(*pools, elements); });
      };
      const std::string group = fmt::format("{}_{}", work.name, mixed ? "mixed" : "one");
      all.push_back({.name = fmt::format("{}/{}", group, design),
                     .group = group,
                     .subject = design,
                     .element = "taken and dropped",
                     .batch = work.batch,
                     .make = make});
    }
  }
}

}  // namespace
}  // namespace netmem::bench

int main(int argc, char** argv) {
  using namespace netmem::bench;
  LoopList all;
  add<LowBit>(all, "low_bit");
  add<TypeField>(all, "type_field");
  add<Virtual>(all, "virtual");
  add<One>(all, "one");
  return drive("kind_dispatch", all, std::span(argv + 1, argv + std::max(argc, 1)));
}
