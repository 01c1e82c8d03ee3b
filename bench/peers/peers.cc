#include "bench/peers/peers.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "bench/peers/on_every_processor.h"

namespace netmem::bench {
namespace {

namespace fs = std::filesystem;

struct Peer {
  std::string_view module;                // netmem_peer_X.so
  std::array<std::string_view, 2> names;  // as loops name it; the second empty when there is one
  std::string_view library;
  std::string_view package;  // of Debian
  bool built;
};

constexpr std::array kPeers = {
    Peer{"dpdk", {"dpdk_mempool", "dpdk_pktmbuf"}, "libdpdk", "libdpdk-dev", NETMEM_PEER_dpdk},
    Peer{"jemalloc", {"jemalloc"}, "libjemalloc", "libjemalloc-dev", NETMEM_PEER_jemalloc},
    Peer{"mimalloc", {"mimalloc"}, "libmimalloc", "libmimalloc-dev", NETMEM_PEER_mimalloc},
    Peer{"tcmalloc", {"tcmalloc"}, "libtcmalloc_minimal", "libgoogle-perftools-dev", NETMEM_PEER_tcmalloc},
    Peer{"tbb", {"tbb"}, "libtbbmalloc", "libtbb-dev", NETMEM_PEER_tbb},
    Peer{"boost_pool", {"boost_pool"}, "Boost.Pool", "libboost-dev", NETMEM_PEER_boost_pool},
};

#if NETMEM_BENCH_PEERS
// Room in every thread's static TLS for the libraries that must have theirs there (jemalloc 2.6 KiB, DPDK 4.5 KiB).
// glibc lays that area out when the program starts, keeps 1.6 KiB in it for later, and rounds it up to the greatest
// alignment of what is there then (_dl_determine_tlsoffset of elf/dl-tls.c).
alignas(16384) thread_local std::byte static_tls_room;
void keep_static_tls_room() { asm volatile("" : : "r"(&static_tls_room)); }
#else
void keep_static_tls_room() {}
#endif

std::string not_built(const Peer& peer) {
  if (!NETMEM_BENCH_PEERS)
    return "netmem was built without peers; run scripts/setup --peers and configure with -DNETMEM_BENCH_PEERS=ON";
  return std::string(peer.library) + " was not there when netmem was built; install " + std::string(peer.package) +
         " and configure again";
}

std::string not_opened(const Peer& peer, const std::string& why) {
  if (why.find("static TLS") != std::string::npos)
    return why + "; set GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 and try again";
  return why + "; install " + std::string(peer.package) + " and build netmem again";
}

// Appends the peer's loops; why not, when it cannot.
std::string open(const Peer& peer, const std::vector<fs::path>& folders, LoopList& loops) {
  const std::string file = "netmem_peer_" + std::string(peer.module) + ".so";
  const auto has_it = [&](const fs::path& folder) { return fs::exists(folder / file); };
  const auto folder = std::ranges::find_if(folders, has_it);
  if (folder == folders.end()) return file + " is not there";
  void* module = ::dlopen((*folder / file).c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (module == nullptr) return ::dlerror();
  const auto add = reinterpret_cast<void (*)(LoopList&)>(::dlsym(module, "netmem_peer_loops"));
  if (add == nullptr) return ::dlerror();
  const std::size_t before = loops.size();
  add(loops);
  return loops.size() == before ? file + " has no loops" : "";
}

}  // namespace

LoopList peer_loops(std::vector<Missing>& missing, const std::vector<fs::path>& folders) {
  keep_static_tls_room();
  LoopList loops;
  const OnEveryProcessor here;
  for (const Peer& peer : kPeers) {
    std::string why = peer.built ? open(peer, folders, loops) : not_built(peer);
    if (why.empty()) continue;
    if (peer.built) why = not_opened(peer, why);
    for (const std::string_view name : peer.names)
      if (!name.empty()) missing.push_back({std::string(name), why});
  }
  glibc_loops(loops, missing);
  return loops;
}

LoopList peer_loops(std::vector<Missing>& missing) {
  std::error_code unknown;
  const fs::path here = fs::read_symlink("/proc/self/exe", unknown).parent_path();
  return peer_loops(missing, {here, here / NETMEM_PEERS_FROM_PROGRAM});
}

}  // namespace netmem::bench
