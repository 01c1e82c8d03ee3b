// The loops that are measured: each does the same small thing to one element many times. They are functions of their
// own, so that instruction counters can be switched on for exactly one of them.
//
// The first three are the baselines of the kernel's bench_page_pool_simple, the last three its page_pool01 to 03
// (tools/testing/selftests/net/bench/page_pool of Linux 6.16).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "netmem/pool/page_pool.h"

namespace netmem::tool {

struct BenchLoop {
  std::string_view name;
  std::string_view says;  // what one element is
  bool uses_pool;
  void (*run)(PagePool* pool,
              std::uint64_t elements);  // pool: null unless uses_pool; the calling thread is its consumer
};

std::span<const BenchLoop> bench_loops();

}  // namespace netmem::tool
