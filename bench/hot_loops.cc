// Runs one of the pool's hot paths a given number of times, for an instruction counter that is switched on inside
// `counted` alone:
//   valgrind --tool=callgrind --toggle-collect='counted*' hot_loops PATH host|device N
// bench/instruction-counts does that for every path and kind of memory.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "netmem/pool/page_pool.h"
#include "netmem/providers/device.h"
#include "netmem/providers/host.h"

using namespace netmem;

namespace {

using Path = void (*)(PagePool& pool, std::uint64_t times);

void keep(Netmem& page) { asm volatile("" : "+r"(page) : : "memory"); }

void alloc_recycle(PagePool& pool, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    Netmem page = pool.try_alloc();
    keep(page);
    pool.recycle(page);
  }
}

void alloc_drop(PagePool& pool, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    Netmem page = pool.try_alloc();
    keep(page);
    drop(page);
  }
}

void bulk_64(PagePool& pool, std::uint64_t times) {
  std::array<Netmem, 64> pages;
  for (std::uint64_t i = 0; i < times; ++i) drop(std::span<const Netmem>(pages.data(), pool.try_alloc(pages)));
}

void fragment_2048(PagePool& pool, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) pool.recycle_fragment(pool.try_alloc_fragment(2048).netmem);
}

void shared(PagePool& pool, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    Netmem page = pool.try_alloc();
    retain(page);
    keep(page);
    drop(page);
    drop(page);
  }
}

void through_ring(PagePool& pool, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) pool.recycle_to_ring(pool.try_alloc());
}

const std::map<std::string, Path> kPaths = {
    {"alloc_recycle", alloc_recycle}, {"alloc_drop", alloc_drop}, {"bulk_64", bulk_64},
    {"fragment_2048", fragment_2048}, {"shared", shared},         {"through_ring", through_ring}};

}  // namespace

extern "C" [[gnu::noinline]] void counted(Path path, PagePool& pool, std::uint64_t times) { path(pool, times); }

int main(int argc, char** argv) {
  const auto path = argc == 4 ? kPaths.find(argv[1]) : kPaths.end();
  if (path == kPaths.end() || (std::string(argv[2]) != "host" && std::string(argv[2]) != "device")) {
    std::fprintf(stderr, "usage: hot_loops PATH host|device N; PATH is one of");
    for (const auto& [name, run] : kPaths) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  const bool device = std::string(argv[2]) == "device";
  auto provider = device ? make_memfd_provider({.size = 4 << 20}) : make_host_provider({.size = 4 << 20});
  if (!provider) {
    std::fprintf(stderr, "hot_loops: %s\n", provider.error().message().c_str());
    return 1;
  }
  const auto pool = PagePool::create(*provider, {.name = "hot", .allow_unreadable = true}).value();
  path->second(*pool, 200);  // warm: the cache is full of pages, the fragment page is there
  counted(path->second, *pool, std::strtoull(argv[3], nullptr, 10));
  return 0;
}
