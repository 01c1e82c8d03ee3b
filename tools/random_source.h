// Bytes that anybody can make again: SplitMix64 (Steele, Lea, Flood 2014) started at mix(seed), each output written
// with its lowest byte first. So that byte n of a seed is known without the bytes before it:
//   word(k) = mix(mix(seed) + (k + 1) * 0x9e3779b97f4a7c15), byte n = byte n % 8 of word(n / 8)
// One thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace netmem::tool {

class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed);

  // The next bytes; the same whatever the sizes of the calls.
  void fill(std::span<std::byte> out);

 private:
  std::uint64_t start_;
  std::uint64_t position_ = 0;
};

}  // namespace netmem::tool
