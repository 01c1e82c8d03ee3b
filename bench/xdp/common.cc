#include "bench/xdp/common.h"

#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace netmem::bench {
namespace {

volatile std::sig_atomic_t stop_asked = 0;
void ask_to_stop(int) { stop_asked = 1; }

}  // namespace

void begin() {
  struct sigaction action = {};
  action.sa_handler = ask_to_stop;
  for (const int signal : {SIGTERM, SIGINT, SIGALRM}) sigaction(signal, &action, nullptr);
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);  // kernels before 5.11 and UMEMs; what needs it says so when it fails
}

bool stopped() { return stop_asked != 0; }

void say_ready() {
  std::puts("ready");
  std::fflush(stdout);
}

bpf_object* open_programs() {
  bpf_object* object = bpf_object__open(NETMEM_BENCH_XDP_PROGRAMS);
  if (object == nullptr) fail("open {}: {}", NETMEM_BENCH_XDP_PROGRAMS, std::strerror(errno));
  return object;
}

unsigned interface_index(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) fail("find interface {}: {}", interface, std::strerror(errno));
  return index;
}

std::string BusyCycles::json() const {
  if (packets_ == 0) return "null";
  std::uint64_t seen = 0;
  std::size_t median = 0;
  while (seen + packets_at_[median] < (packets_ + 1) / 2) seen += packets_at_[median++];
  return fmt::format(R"({{"mean": {:.2f}, "median": {}, "batch": {:.1f}}})",
                     static_cast<double>(cycles_) / static_cast<double>(packets_), median,
                     static_cast<double>(packets_) / static_cast<double>(batches_));
}

}  // namespace netmem::bench
