// The suite that every memory provider joins: conformance_test.cc says what it asks. To join, instantiate it in a test
// file of its own:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
//     return make_my_provider(wanted.size, wanted.page_size, wanted.dma);
//   }}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "netmem/core/memory_provider.h"

namespace netmem {

struct Wanted {
  std::size_t size;
  std::size_t page_size;
  std::shared_ptr<DmaDevice> dma = {};
};
using Made = Result<std::shared_ptr<MemoryProvider>>;

struct ProviderCase {
  std::function<Made(const Wanted&)> make;
  // What the machine must have meanwhile, or the reason why it has not (the tests are skipped). May be empty.
  std::function<Result<std::shared_ptr<void>>()> needs = {};
  // Bytes that the tests ask for.
  std::size_t size = std::size_t{4} << 20;
};
inline void PrintTo(const ProviderCase&, std::ostream* out) { *out << "a provider"; }

class Conformance : public testing::TestWithParam<ProviderCase> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A provider of the case's size; remembered, so that the test's end can check its books.
  std::shared_ptr<MemoryProvider> make(std::size_t page_size = 4096, std::shared_ptr<DmaDevice> dma = {});

  std::shared_ptr<void> need_;
  std::weak_ptr<MemoryProvider> last_;
};

// Grants until nothing comes any more, `batch` at a time.
std::vector<Netmem> grant_all(MemoryProvider& provider, std::size_t batch = 64);
// Ends the pages' lives, as pools do, and reclaims them in batches.
void reclaim_all(MemoryProvider& provider, std::vector<Netmem> pages, std::size_t batch = 64);
// Pages of all regions of the provider.
std::size_t total_pages(const MemoryProvider& provider);
// A counter by name; fails the test when there is none.
std::uint64_t counter(const MemoryProvider& provider, const std::string& name);

}  // namespace netmem
