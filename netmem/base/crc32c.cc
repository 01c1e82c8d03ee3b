#include "netmem/base/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#include "netmem/base/crc32c_polynomial.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace netmem {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as their bytes stand");

constexpr Polynomial kX8 = Polynomial{1} << (31 - 8);

// x to the power of 8 * 2^i: what 2^i bytes behind it multiply a CRC by.
constexpr auto kBehind = [] {
  std::array<Polynomial, 64> powers{};
  Polynomial power = kX8;
  for (Polynomial& entry : powers) {
    entry = power;
    power = product(power, power);
  }
  return powers;
}();

constexpr Polynomial moved(Polynomial crc, std::uint64_t bytes) {
  for (std::size_t i = 0; bytes != 0; ++i, bytes >>= 1)
    if ((bytes & 1) != 0) crc = product(kBehind[i], crc);
  return crc;
}

// A CRC with `kBytes` behind it, by table: one row for each of its bytes.
template <std::uint64_t kBytes>
struct Move {
  static constexpr auto kRows = [] {
    std::array<std::array<Polynomial, 256>, 4> rows{};
    for (std::uint32_t row = 0; row < 4; ++row) {
      for (std::uint32_t bit = 0; bit < 8; ++bit) {
        const std::uint32_t byte = 1U << bit;
        rows[row][byte] = moved(byte << (8 * row), kBytes);
        // Multiplication is linear: every number below is known already.
        for (std::uint32_t below = 1; below < byte; ++below)
          rows[row][byte + below] = rows[row][byte] ^ rows[row][below];
      }
    }
    return rows;
  }();
  static Polynomial of(Polynomial crc) {
    return kRows[0][crc & 0xff] ^ kRows[1][crc >> 8 & 0xff] ^ kRows[2][crc >> 16 & 0xff] ^ kRows[3][crc >> 24];
  }
};

template <class Word>
Word word_at(const std::byte* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

#if defined(__x86_64__)

// Bytes of each of three lanes: the instruction takes three cycles, but another one begins in each.
constexpr std::size_t kLane = 1024;

[[gnu::target("sse4.2")]] std::uint32_t with_instruction(std::uint32_t state, std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3 * kLane; at += 3 * kLane, left -= 3 * kLane) {
    std::uint64_t first = state, second = 0, third = 0;
    for (std::size_t i = 0; i < kLane; i += 8) {
      first = _mm_crc32_u64(first, word_at<std::uint64_t>(at + i));
      second = _mm_crc32_u64(second, word_at<std::uint64_t>(at + kLane + i));
      third = _mm_crc32_u64(third, word_at<std::uint64_t>(at + 2 * kLane + i));
    }
    const auto both = Move<kLane>::of(static_cast<std::uint32_t>(first)) ^ static_cast<std::uint32_t>(second);
    state = Move<kLane>::of(both) ^ static_cast<std::uint32_t>(third);
  }
  for (; left >= 8; at += 8, left -= 8)
    state = static_cast<std::uint32_t>(_mm_crc32_u64(state, word_at<std::uint64_t>(at)));
  for (; left != 0; ++at, --left) state = _mm_crc32_u8(state, std::to_integer<std::uint8_t>(*at));
  return state;
}

crc32c_way::Way find_hardware() { return __builtin_cpu_supports("sse4.2") != 0 ? &with_instruction : nullptr; }

#else

crc32c_way::Way find_hardware() { return nullptr; }

#endif

}  // namespace

namespace crc32c_way {

std::uint32_t portable(std::uint32_t state, std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  // Eight bytes at a time: the first four with the state, then four more behind them.
  for (; left >= 8; at += 8, left -= 8)
    state = Move<8>::of(state ^ word_at<std::uint32_t>(at)) ^ Move<4>::of(word_at<std::uint32_t>(at + 4));
  for (; left != 0; ++at, --left)
    state = (state >> 8) ^ Move<1>::kRows[0][(state ^ std::to_integer<std::uint32_t>(*at)) & 0xff];
  return state;
}

Way hardware() {
  static const Way way = find_hardware();
  return way;
}

}  // namespace crc32c_way

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  static const crc32c_way::Way way = crc32c_way::hardware() != nullptr ? crc32c_way::hardware() : &crc32c_way::portable;
  return ~way(~before, bytes);
}

// Both inversions cancel out: the first CRC's end is undone by the second one's begin.
std::uint32_t crc32c_combine(std::uint32_t first, std::uint32_t second, std::uint64_t second_size) {
  return moved(first, second_size) ^ second;
}

}  // namespace netmem
