#include "netmem/base/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <vector>

namespace netmem {
namespace {

// From the definition, a bit at a time.
std::uint32_t by_definition(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~0U;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

std::vector<std::byte> noise(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// RFC 3720, appendix B.4, and the check value of every catalogue of CRCs.
TEST(Crc32c, AgreesWithTheStandard) {
  std::vector<std::byte> bytes(32);
  EXPECT_EQ(crc32c(bytes), 0x8a9136aaU);
  std::ranges::fill(bytes, std::byte{0xff});
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43U);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eU);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113fdb5cU);
  std::vector<std::byte> read(48);  // an iSCSI Read (10) command
  read[0] = std::byte{0x01}, read[1] = std::byte{0xc0}, read[16] = std::byte{0x14}, read[22] = std::byte{0x04};
  read[27] = std::byte{0x14}, read[31] = std::byte{0x18}, read[32] = std::byte{0x28}, read[40] = std::byte{0x02};
  EXPECT_EQ(crc32c(read), 0xd9963a56U);
  EXPECT_EQ(crc32c(std::as_bytes(std::span(std::string_view("123456789")))), 0xe3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

// Every size and alignment at which a way does something else.
void expect_definition(crc32c_way::Way way) {
  const auto bytes = noise(10'000, 1);
  const auto check = [&](std::size_t begin, std::size_t size) {
    const auto range = std::span(bytes).subspan(begin, size);
    EXPECT_EQ(~way(~0U, range), by_definition(range)) << size << " bytes at " << begin;
  };
  for (std::size_t size = 0; size < 200; ++size) check(size % 16, size);
  for (std::size_t size = 3 * 1024 - 20; size < 3 * 1024 + 20; ++size) check(size % 9, size);
  for (const std::size_t size : {6144U, 6145U, 9215U, 9216U, 9999U}) check(1, size);
}

TEST(Crc32c, ByTableIsAsDefined) { expect_definition(&crc32c_way::portable); }

TEST(Crc32c, ByTheCpusInstructionIsAsDefined) {
  if (crc32c_way::hardware() == nullptr) GTEST_SKIP() << "this CPU has no such instruction";
  expect_definition(crc32c_way::hardware());
}

TEST(Crc32c, DoesNotDependOnHowTheBytesAreCut) {
  const auto bytes = noise(5000, 2);
  for (const std::size_t step : {1U, 7U, 100U, 4096U}) {
    std::uint32_t crc = 0;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      crc = crc32c(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)), crc);
    EXPECT_EQ(crc, crc32c(bytes)) << step;
  }
}

TEST(Crc32c, CrcsOfPartsCombineToThatOfTheWhole) {
  const auto bytes = noise(70'000, 3);
  const std::span<const std::byte> all(bytes);
  for (const std::size_t size : {0U, 1U, 2U, 3U, 255U, 256U, 1460U, 4096U, 65'535U, 65'536U, 70'000U}) {
    const std::uint32_t first = crc32c(all.first(all.size() - size));
    EXPECT_EQ(crc32c_combine(first, crc32c(all.last(size)), size), crc32c(all)) << size;
  }
  // In any grouping.
  const std::uint32_t a = crc32c(all.first(10)), b = crc32c(all.subspan(10, 20)), c = crc32c(all.subspan(30, 30));
  EXPECT_EQ(crc32c_combine(crc32c_combine(a, b, 20), c, 30), crc32c_combine(a, crc32c_combine(b, c, 30), 50));
}

// 2^40 - 1 bytes with one more behind them, or the other way round: more than anybody computes.
TEST(Crc32c, PartsMayBeLarge) {
  const std::uint32_t one = crc32c(std::vector<std::byte>(1));
  std::uint32_t power = one, less_one = 0;  // of 2^i zeros, and of 2^i - 1
  std::uint64_t size = 1;
  for (; size < std::uint64_t{1} << 40; size *= 2) {
    less_one = crc32c_combine(less_one, power, size);
    power = crc32c_combine(power, power, size);
  }
  EXPECT_EQ(crc32c_combine(less_one, one, 1), power);
  EXPECT_EQ(crc32c_combine(one, less_one, size - 1), power);
}

}  // namespace
}  // namespace netmem
