#include "tools/random_source.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace netmem::tool {
namespace {

constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15;

constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

static_assert(std::endian::native == std::endian::little, "words are stored as they are");

}  // namespace

RandomSource::RandomSource(std::uint64_t seed) : start_(mix(seed)) {}

void RandomSource::fill(std::span<std::byte> out) {
  std::uint64_t state = start_ + (position_ / 8 + 1) * kGamma;
  std::size_t skip = position_ % 8;
  position_ += out.size();
  const auto put = [&](std::size_t size) {
    const std::uint64_t word = mix(state) >> (8 * skip);
    std::memcpy(out.data(), &word, size);
    out = out.subspan(size);
    state += kGamma;
    skip = 0;
  };
  if (skip != 0) put(std::min(8 - skip, out.size()));
  while (out.size() >= 8) put(8);
  if (!out.empty()) put(out.size());
}

}  // namespace netmem::tool
