// A loop: something small, done to one element after another, that is worth timing. What is measured, against what, and
// on which memory is said here; how often and how it is printed is the business of who runs it (`netmem bench`,
// bench/hot_loops).
//
// Threads: a loop is made, run and destroyed on one thread, which is the consumer of the pools in it. A loop may start
// threads of its own; they are gone when run() returns.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loops/cycles.h"
#include "netmem/base/error.h"

namespace netmem::bench {

// What a run took, all elements together.
struct Sample {
  std::uint64_t cycles = 0;
  std::uint64_t nanoseconds = 0;
};

// Times `body`, and nothing around it.
template <class Body>
Sample timed(Body&& body) {
  const auto began = std::chrono::steady_clock::now();
  const std::uint64_t first = read_cycles();
  body();
  const std::uint64_t last = read_cycles();
  const auto took = std::chrono::steady_clock::now() - began;
  return {last - first, static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count())};
}

class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;

  // Does `elements` elements (rounded up to whole batches by loops that have batches) and says what they took.
  virtual Sample run(std::uint64_t elements) = 0;

  // Bytes that the subject keeps for each page beyond the page itself; 0: unknown.
  [[nodiscard]] virtual double bookkeeping_per_page() const { return 0; }
};

// Why a loop cannot run here: memory, a processor or a library is missing.
using MadeLoop = Result<std::unique_ptr<Loop>>;

struct LoopSpec {
  std::string name;             // unique: "page_pool01_fast_path/host", "bulk_64/dpdk_mempool"
  std::string group;            // what it is compared in: "fast_path", "bulk_64"; same group, same work
  std::string subject;          // who does the work: "netmem host", "netmem device", "bare array", "DPDK rte_mempool"
  std::string element;          // what one element is, for people: "alloc and recycle on the consumer"
  std::uint64_t batch = 1;      // elements at once
  std::uint64_t producers = 0;  // threads that return pages; 0: the consumer itself
  std::uint64_t pages = 0;      // pages of the pool; 0: none, or it does not matter
  std::uint64_t page_size = 0;  // bytes; 0: none, or it does not matter
  std::function<MadeLoop()> make;
};

using LoopList = std::vector<LoopSpec>;

// What stands behind the slash of a loop's name, "host" of "bulk_64/host"; all of it where there is none.
inline std::string_view slug_of(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

// The compiler must believe that the value changes and that memory is looked at here, and do nothing for it.
template <class T>
[[gnu::always_inline]] inline void touch(T& value) {
  asm volatile("" : "+r"(value) : : "memory");
}

// A loop without state of its own, or with what it needs in `body`: body(elements) is what is timed.
template <class Body>
class SimpleLoop final : public Loop {
 public:
  explicit SimpleLoop(Body body) : body_(std::move(body)) {}
  Sample run(std::uint64_t elements) override {
    return timed([&] { body_(elements); });
  }

 private:
  Body body_;
};

template <class Body>
MadeLoop simple_loop(Body body) {
  return std::make_unique<SimpleLoop<Body>>(std::move(body));
}

}  // namespace netmem::bench
