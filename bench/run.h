// Measures loops: makes them, finds out how many elements take long enough, and runs them in turn.
//
// Threads: one, which is pinned to the first processor for good.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "bench/loops/loop.h"
#include "bench/results.h"

namespace netmem::tool {

struct RunOptions {
  std::uint64_t elements = 0;  // in each repetition; 0: as many as take `time`
  std::chrono::milliseconds time{20};
  unsigned repetitions = 9;
  bool (*stop)() noexcept = []() noexcept { return false; };  // asked again and again
};

// Interleaved: each repetition goes through all loops, so that a machine that slows down slows every loop down. Loops
// that cannot run here are added to `missing`. Empty when `stop` said so.
std::optional<std::vector<MeasuredLoop>> run_loops(const bench::LoopList& loops, const RunOptions& options,
                                                   std::vector<MissingLoop>& missing);

// After `elements` took `took`: how many to try next on the way to `wanted`.
struct Trial {
  std::uint64_t elements;
  bool found;  // the trial was long enough to tell
};
Trial next_trial(std::uint64_t elements, std::chrono::nanoseconds took, std::chrono::nanoseconds wanted);

// At least `elements`, in whole batches.
std::uint64_t whole_batches(std::uint64_t elements, std::uint64_t batch);

}  // namespace netmem::tool
