// For tests: an exploration without a fault, complete, with its numbers in the output.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>

#include "tests/weak/checker.h"

namespace netmem::weak {

inline Report explored(const std::function<void(Program&)>& setup, Limits limits = {}) {
  const Report report = explore(setup, limits);
  EXPECT_EQ(report.fault, "") << report.fault;
  EXPECT_TRUE(report.complete);
  std::printf("%s\n", report.summary().c_str());
  for (const auto& [outcome, count] : report.outcomes)
    std::printf("  %s: %zu\n", outcome.c_str(), static_cast<std::size_t>(count));
  return report;
}

}  // namespace netmem::weak
