// boost::pool, one for each loop and for one thread: it has no locks.
#include <boost/pool/pool.hpp>
#include <boost/version.hpp>

#include "bench/peers/allocator_loops.h"
#include "bench/peers/module.h"

namespace netmem::bench {
namespace {

class BoostPool {
 public:
  void* allocate() { return pool_.malloc(); }
  void release(void* bytes) { pool_.free(bytes); }

 private:
  boost::pool<> pool_{kAllocatorSize};
};

std::string version() {
  return std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000);
}

}  // namespace
}  // namespace netmem::bench

void netmem_peer_loops(netmem::bench::LoopList& loops) {
  using namespace netmem::bench;
  add_allocator_loops<BoostPool>(
      loops, {"boost_pool", "Boost.Pool", "malloc and free of a boost::pool of 4096 bytes (" + version() + ")"});
}
