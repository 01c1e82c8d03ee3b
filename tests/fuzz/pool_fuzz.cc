// The model test's operations, chosen by libFuzzer.

#include <cstdint>
#include <span>

#include "tests/model/pool_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  netmem::model::Driver driver;
  while (driver.step(input)) {
  }
  driver.finish();
  return 0;
}
