// A pool of host pages: take one, use it, drop it, and see that it went home.
#include <cstdio>

#include "netmem/netmem.h"

int main() {
  auto provider = netmem::make_host_provider({.size = 16 * netmem::MiB}).value();
  auto pool = netmem::PagePool::create(provider, {.name = "hello"}).value();
  {
    netmem::Ref page(pool->try_alloc());  // dropped at the end of the block
    auto bytes = netmem::Page(page.get()).bytes();
    auto* text = reinterpret_cast<char*>(bytes.data());
    std::snprintf(text, bytes.size(), "hello from page %u of %s", page.get().index(), provider->describe().c_str());
    std::puts(text);
  }
  const auto counters = pool->counters();
  std::printf("%s: %d pages held, %d in the cache, %d in flight\n", pool->name().c_str(), int(counters.hold),
              int(counters.in_cache), int(counters.inflight()));
}
