#include "netmem/providers/gpu/kernels.h"

#include <algorithm>
#include <limits>

#include "netmem/base/check.h"
#include "netmem/base/crc32c_polynomial.h"

namespace netmem::kernels {
namespace {

constexpr Polynomial kOne = 0x80000000;

constexpr DigestTables make_digest_tables() {
  DigestTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    Polynomial crc = byte;
    for (int i = 0; i < 4 * 8; ++i) {
      crc = times_x(crc);
      if (i % 8 == 7) tables[static_cast<std::size_t>(i / 8) * 256 + byte] = crc;
    }
  }
  Polynomial step = kOne;  // x^(8 * kChunk * 256^t)
  for (std::size_t i = 0; i < 8 * kChunk; ++i) step = times_x(step);
  for (std::size_t t = 4; t < 8; ++t) {
    Polynomial power = kOne;
    for (std::size_t n = 0; n < 256; ++n, power = product(power, step)) tables[t * 256 + n] = power;
    step = power;
  }
  return tables;
}

std::uint64_t end_of(std::uint64_t offset, std::uint64_t size) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return size > kMost - offset ? kMost : offset + size;
}

}  // namespace

const DigestTables& digest_tables() {
  static const DigestTables tables = make_digest_tables();
  return tables;
}

void make_gather(Table& table, std::span<const DeviceMove> moves, std::uint64_t from, std::uint64_t to) {
  table.words.clear();
  for (const DeviceMove& move : moves)
    for (std::uint64_t done = 0; done < move.size; done += kTile)
      table.words.insert(table.words.end(), {from + move.from + done, to + move.to + done,
                                             std::min<std::uint64_t>(move.size - done, kTile)});
  table.tiles = table.words.size() / kGatherWords;
  table.results = table.words.size();
}

// Tiles and chunks are counted from the end of a range, so that what is behind a chunk is a number of whole chunks.
void make_digest(Table& table, std::span<const DeviceRange> ranges, std::uint64_t from) {
  table.words.clear();
  for (std::size_t i = 0; i < ranges.size(); ++i)
    for (std::uint64_t left = ranges[i].size; left > 0;) {
      const std::uint64_t size = std::min<std::uint64_t>(left, kTile);
      const std::uint64_t behind = (ranges[i].size - left) / kChunk;
      left -= size;
      table.words.insert(table.words.end(), {from + ranges[i].offset + left, size, behind, i, left == 0 ? 1U : 0U});
    }
  table.tiles = table.words.size() / 5;
  table.results = table.words.size();
  // All ones is the inversion at the end; without a byte there is neither that of the beginning.
  for (std::size_t i = 0; i < ranges.size(); i += 2) {
    const auto start = [&](std::size_t range) {
      return range < ranges.size() && ranges[range].size > 0 ? ~std::uint32_t{0} : 0;
    };
    table.words.push_back(start(i) | std::uint64_t{start(i + 1)} << 32);
  }
}

Extent extent_of(std::span<const DeviceMove> moves) {
  Extent extent;
  for (const DeviceMove& move : moves) {
    extent.from = std::max(extent.from, end_of(move.from, move.size));
    extent.to = std::max(extent.to, end_of(move.to, move.size));
  }
  return extent;
}

Extent extent_of(std::span<const DeviceRange> ranges) {
  Extent extent;
  for (const DeviceRange& range : ranges) extent.from = std::max(extent.from, end_of(range.offset, range.size));
  return extent;
}

Result<void> check_room(const std::string& attempted, const Extent& extent, const Extent& room) {
  const auto check = [&](const char* how, std::uint64_t bytes, std::uint64_t present) -> Result<void> {
    if (bytes <= present) return {};
    return refused(attempted, std::to_string(bytes) + " bytes would be " + how + " where the device has " +
                                  std::to_string(present) + " of ours");
  };
  auto fits = check("read", extent.from, room.from);
  return fits ? check("written", extent.to, room.to) : fits;
}

Result<void> plan_gather(Table& table, const std::string& who, std::span<const DeviceMove> moves, const Stretch& from,
                         const Stretch& to) {
  auto fits = check_room("gather on " + who, extent_of(moves), {from.room, to.room});
  if (fits) make_gather(table, moves, from.offset, to.offset);
  return fits;
}

Result<void> plan_digest(Table& table, const std::string& who, std::span<const DeviceRange> ranges, const Stretch& from,
                         std::span<std::uint32_t> crcs) {
  NETMEM_CHECK(crcs.size() == ranges.size(), "%zu results for %zu ranges", crcs.size(), ranges.size());
  auto fits = check_room("compute digests on " + who, extent_of(ranges), {from.room, 0});
  if (!fits) return fits;
  std::ranges::fill(crcs, 0);  // what is without a byte stays that
  make_digest(table, ranges, from.offset);
  return {};
}

}  // namespace netmem::kernels
