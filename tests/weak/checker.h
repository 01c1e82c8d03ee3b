// A model checker for threads that share memory: runs a small program in every way that the memory model of C++ allows
// for release, acquire and relaxed accesses, and says which way breaks a rule.
//
// An execution is a graph: the reads and writes of each thread in their order, the write that each read takes its value
// from, and the order of the writes to each location. The search adds one read or write at a time and tries each
// write that a read may see, and each place that a write may have; a write that is added late may also be what an
// earlier read saw, which takes the part of the graph back that depended on that read. Each execution is run
// once (Kokologiannakis, Marmanis, Gladstein, Vafeiadis: Truly Stateless, Optimal Dynamic Partial Order Reduction,
// POPL 2022). The real code runs on fibers, from the start for each graph.
//
// A fault is: a broken requirement (also NETMEM_CHECK), an access to freed memory, memory freed while an access is not
// ordered before, two accesses to a Plain or a SingleWriter's own that are not ordered, a thread that waits for ever.
//
// Rules for programs: nothing but Atomic, Plain, SingleWriter and Lock decides what a thread does, and it ends. At most
// kThreads threads. What the setup allocates is thrown away after each execution, without destructors.
// Not explored: executions in which a read sees a write that depends on it (load buffering), and failures without a
// reason of compare_exchange_weak. Not supported: seq_cst, fences.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "netmem/base/atomic.h"

namespace netmem::weak {

inline constexpr int kThreads = 4;

struct Report {
  std::uint64_t executions = 0;  // ran to their end
  std::uint64_t blocked = 0;     // a thread waits for a write that this execution has not; another execution has it
  std::uint64_t cut = 0;         // two read-modify-writes read the same write: not an execution at all
  bool complete = false;         // false: a fault, or the limit was reached
  std::string fault = {};        // empty: none. What broke, and the execution step by step
  std::map<std::string, std::uint64_t> outcomes = {};  // what observe() was told, and in how many executions
  double seconds = 0;

  [[nodiscard]] std::string summary() const;
};

struct Limits {
  std::uint64_t runs = 20'000'000;
  bool distinct = false;  // verifies that no execution is explored twice; for tests of the checker
};

// What one execution consists of; the setup fills it in.
class Program {
 public:
  // `setup` itself and the first thread have the same thread number (base/thread.h).
  void thread(const char* name, std::function<void()> body);
  // Runs after all threads have ended, with everything visible. Not after an execution that was blocked.
  void finally(std::function<void()> body);
};

Report explore(const std::function<void(Program&)>& setup, Limits limits = {});

// In a program.
void require(bool holds, const char* what);
void observe(const std::string& outcome);
// Repeats what may fail until it succeeds. After `tries` failures the thread waits for another one to write: an
// execution in which it would fail once more and then succeed is explored without that failure.
void until(const std::function<bool()>& attempt, int tries = 1);

// For `finally`: whether the memory there was freed.
[[nodiscard]] bool is_freed(const void* at);

// Critical sections in some order, each visible to the next. No access of an Atomic inside.
class Lock {
 public:
  void lock(const Where& where = Where::current());
  void unlock();

 private:
  Atomic<std::uint32_t> turns_;
};

}  // namespace netmem::weak
