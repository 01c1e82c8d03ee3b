// What the programs of the comparison share. A receiver says "ready" on standard output, works until SIGTERM or SIGINT,
// and prints what it did as one line of JSON.
//
// Threads: one; stopped() is told by a signal handler.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

struct bpf_object;

namespace netmem::bench {

template <class... Values>
[[noreturn]] void fail(fmt::format_string<Values...> format, Values&&... values) {
  fmt::print(stderr, "cannot {}\n", fmt::format(format, std::forward<Values>(values)...));
  std::exit(1);
}

// SIGTERM, SIGINT and SIGALRM end waiting system calls and set stopped(). The locked-memory limit goes up.
void begin();
bool stopped();
void say_ready();

// The programs of programs.bpf.c, opened but not loaded.
bpf_object* open_programs();
unsigned interface_index(const std::string& interface);

// Cycles per packet of the part of a program that is not the kernel's, over the batches that had any.
class BusyCycles {
 public:
  void add(std::uint64_t cycles, std::uint64_t packets) {
    cycles_ += cycles;
    packets_ += packets;
    ++batches_;
    const std::uint64_t each = cycles / packets;
    packets_at_[each < kMost ? each : kMost - 1] += packets;
  }
  // {"mean": 30.1, "median": 28, "batch": 60.2}: the median is of packets, and free of interruptions.
  [[nodiscard]] std::string json() const;

 private:
  static constexpr std::size_t kMost = 16384;
  std::uint64_t cycles_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t batches_ = 0;
  std::array<std::uint64_t, kMost> packets_at_{};
};

}  // namespace netmem::bench
