#include "bench/experiment/driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loops/processors.h"

using netmem::bench::Loop;

// callgrind is switched on inside this function alone.
extern "C" [[gnu::noinline]] void netmem_counted(Loop& loop, std::uint64_t elements) {
  loop.run(elements);
  asm volatile("");  // not a tail call: it must be seen to return
}

namespace netmem::bench {
namespace {

constexpr std::uint64_t kBatch = 6400;  // a multiple of every loop's batch
using Names = std::span<char*>;

struct Running {
  std::string name;
  std::unique_ptr<Loop> loop;
  std::uint64_t elements = 0;
  std::vector<double> cycles = {};  // per element
};

std::string about() {
  return fmt::format(R"("schema": 1, "compiler": "{}", "build": "{}", "flags": "{}", "experiment": "{}", "unit": "{}")",
                     NETMEM_COMPILER, NETMEM_BUILD_TYPE, NETMEM_FLAGS, NETMEM_EXPERIMENT_NAME, kCycleUnit);
}

std::optional<std::uint64_t> number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc() || end != text.end() || value == 0 || value > most) return std::nullopt;
  return value;
}

// Warms the loop up, and finds how many elements take so long.
std::uint64_t elements_of(Loop& loop, std::uint64_t nanoseconds) {
  std::uint64_t elements = kBatch;
  while (true) {
    const std::uint64_t took = std::max<std::uint64_t>(1, loop.run(elements).nanoseconds);
    if (took >= nanoseconds / 2) return std::max<std::uint64_t>(1, elements * nanoseconds / took / kBatch) * kBatch;
    elements *= 2;
  }
}

class Driver {
 public:
  Driver(const char* program, const LoopList& all) : program_(program), all_(all) {}

  int run(Names arguments) {
    const std::string_view command = arguments.empty() ? "" : arguments[0];
    if (command == "list" && arguments.size() == 1) return list();
    if (command == "count" && arguments.size() >= 3) {
      const auto elements = number(arguments[1], kBatch);
      if (!elements || *elements % 64 != 0) return complain(2, "N must be a multiple of 64, at most 6400");
      return count(*elements, arguments.subspan(2));
    }
    if (command == "time" && arguments.size() >= 4) {
      const auto milliseconds = number(arguments[1], 60'000);
      const auto repetitions = number(arguments[2], 1'000'000);
      if (!milliseconds || !repetitions) return complain(2, "MILLISECONDS and REPETITIONS must be numbers from 1 on");
      return time(*milliseconds, *repetitions, arguments.subspan(3));
    }
    return complain(2, "usage: list | count N NAME... | time MILLISECONDS REPETITIONS NAME...");
  }

 private:
  int complain(int status, const std::string& what) const {
    fmt::print(stderr, "{}: {}\n", program_, what);
    return status;
  }

  // The status to end with when one of them is unknown or cannot run here.
  int make(Names names, std::vector<Running>& made) {
    for (const std::string_view name : names) {
      const auto spec = std::ranges::find(all_, name, &LoopSpec::name);
      if (spec == all_.end())
        return complain(2, fmt::format("there is no loop \"{}\"; {} list names them all", name, program_));
      auto loop = spec->make();
      if (!loop) return complain(1, fmt::format("{}: {}", name, loop.error().message()));
      made.push_back({spec->name, std::move(*loop)});
    }
    return 0;
  }

  int list() {
    for (const LoopSpec& spec : all_) fmt::print("{}\n", spec.name);
    return 0;
  }

  // One loop lives at a time, so that what is counted does not depend on which others are.
  int count(std::uint64_t elements, Names names) {
    std::string counted;
    for (char*& name : names) {
      std::vector<Running> made;
      if (const int status = make(Names(&name, 1), made); status != 0) return status;
      Loop& loop = *made.front().loop;
      loop.run(elements);
      netmem_counted(loop, elements);
      netmem_counted(loop, 2 * elements);
      counted += fmt::format("{}\"{}\"", counted.empty() ? "" : ", ", name);
    }
    fmt::print("{{{}, \"elements\": {}, \"counted\": [{}]}}\n", about(), elements, counted);
    return 0;
  }

  int time(std::uint64_t milliseconds, std::uint64_t repetitions, Names names) {
    pin(0);
    std::vector<Running> loops;
    if (const int status = make(names, loops); status != 0) return status;
    for (Running& one : loops) one.elements = elements_of(*one.loop, milliseconds * 1'000'000);
    for (std::uint64_t i = 0; i < repetitions; ++i)
      for (Running& one : loops)
        one.cycles.push_back(static_cast<double>(one.loop->run(one.elements).cycles) /
                             static_cast<double>(one.elements));
    fmt::print("{{{}, \"loops\": [", about());
    for (const Running& one : loops)
      fmt::print("{}{{\"name\": \"{}\", \"elements\": {}, \"cycles\": [{:.4f}]}}", &one == loops.data() ? "" : ", ",
                 one.name, one.elements, fmt::join(one.cycles, ", "));
    fmt::print("]}}\n");
    return 0;
  }

  const char* program_;
  const LoopList& all_;
};

}  // namespace

int drive(const char* program, const LoopList& all, std::span<char*> arguments) {
  return Driver(program, all).run(arguments);
}

}  // namespace netmem::bench
