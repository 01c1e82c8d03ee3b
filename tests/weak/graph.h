// The events of an execution and what orders them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/weak/atomics.h"
#include "tests/weak/checker.h"

namespace netmem::weak {

inline constexpr int kInitial = -1;  // the write that every location begins with

// How many events of each thread are before something.
struct Clock {
  std::array<std::uint16_t, kThreads> of{};

  void join(const Clock& other) {
    for (std::size_t i = 0; i < of.size(); ++i)
      if (of[i] < other.of[i]) of[i] = other.of[i];
  }
};

struct Event {
  int thread = 0;
  int index = 0;  // in its thread, from 1
  int location = 0;
  int from = kInitial;  // reads: the write whose value it took
  int rank = 0;         // writes that are run again: their place among the location's writes
  bool write = false;
  bool exclusive = false;  // half of a read-modify-write
  bool done = false;       // was run in this execution
  Bits value = 0;
  Clock before;    // what happens before its thread's event before it, that event included
  Clock happens;   // what happens before it, itself included
  Clock causes;    // what it depends on by program order and reading, itself included
  Clock released;  // writes: what happens before an acquire that reads it

  [[nodiscard]] bool in(const Clock& clock) const { return clock.of[static_cast<std::size_t>(thread)] >= index; }
};

struct Location {
  std::uintptr_t address = 0;
  unsigned size = 0;
  std::uint64_t run = 0;  // the execution that it was last touched in; what follows is of that one
  Bits initial = 0;
  std::vector<int> writes;  // events, in modification order
  std::vector<int> reads;
  // When threads touched it, in events of the thread that had been; -1: not. By reads and writes that are not atomic,
  // and by any access.
  std::array<int, kThreads> plain_reads{}, plain_writes{}, touches{};
  std::array<Where, kThreads> at{};

  // 0 is the initial write.
  [[nodiscard]] int position(int write) const {
    if (write == kInitial) return 0;
    for (std::size_t i = writes.size(); i > 0; --i)
      if (writes[i - 1] == write) return static_cast<int>(i);
    return -1;
  }
};

// What is kept of an execution that is to be run: its events in the order in which they were added.
struct Saved {
  std::uint8_t thread;
  bool write;
  std::int16_t from;
  std::int16_t rank;
};
using SavedGraph = std::vector<Saved>;

}  // namespace netmem::weak
