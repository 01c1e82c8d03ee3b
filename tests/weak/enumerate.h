// Small random programs without control flow, and their executions counted the slow way: every choice of what each read
// sees and of the order of writes, kept when the rules of the memory model allow it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/weak/checker.h"

namespace netmem::weak {

struct SmallProgram {
  enum class Kind { kRead, kWrite, kAdd };
  struct Access {
    Kind kind;
    int location;
    std::memory_order order;
  };
  std::vector<std::vector<Access>> threads;
};

SmallProgram random_program(std::mt19937& random);
void build(const SmallProgram& program, Program& p);
std::uint64_t count_executions(const SmallProgram& program);
std::string describe(const SmallProgram& program);

}  // namespace netmem::weak
