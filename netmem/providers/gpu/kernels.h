// The host's side of kernels.cl: how a launch is cut into tiles, which the kernels read from a table on the device.
// OpenCL and CUDA launch the same kernels with the same tables.
//
// Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "netmem/providers/gpu/device_api.h"

namespace netmem::kernels {

// OpenCL C, and PTX for CUDA, with a 0 behind it.
const char* source();
const char* ptx();

inline constexpr const char* kGather = "netmem_gather";
inline constexpr const char* kDigest = "netmem_digest";

// One group of so many work items does a tile.
inline constexpr std::size_t kGatherItems = 64;
inline constexpr std::size_t kDigestItems = 32;
inline constexpr std::size_t kTile = 4096;      // bytes at most
inline constexpr std::size_t kChunk = 128;      // bytes of a tile that one work item digests
inline constexpr std::size_t kGatherWords = 3;  // of the table, for a tile

// A table for one launch, as the device reads it: tiles, and behind the tiles of a digest its results, one uint32 per
// range, which hold what they are to begin with.
struct Table {
  std::vector<std::uint64_t> words;
  std::size_t tiles = 0;    // groups to launch
  std::size_t results = 0;  // the word with the first results

  [[nodiscard]] std::size_t size() const { return words.size() * sizeof words[0]; }
  [[nodiscard]] std::size_t results_offset() const { return results * sizeof words[0]; }
};

// Offsets in the table are counted from the beginning of the allocations, `from` and `to` bytes before those of the
// call.
void make_gather(Table& table, std::span<const DeviceMove> moves, std::uint64_t from, std::uint64_t to);
void make_digest(Table& table, std::span<const DeviceRange> ranges, std::uint64_t from);

// What the digest kernel looks up.
using DigestTables = std::array<std::uint32_t, 2048>;
const DigestTables& digest_tables();

// How many bytes from the call's addresses on a launch reads or writes: what must be in the allocation. Not more than
// 2^64 - 1, whatever the arguments are.
struct Extent {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};
Extent extent_of(std::span<const DeviceMove> moves);
Extent extent_of(std::span<const DeviceRange> ranges);
// Refuses what leaves the room behind the call's addresses.
Result<void> check_room(const std::string& attempted, const Extent& extent, const Extent& room);

// From an address to the end of its allocation: `room` bytes, `offset` behind the allocation's beginning.
struct Stretch {
  std::size_t offset = 0;
  std::size_t room = 0;
};
// The table of a launch, which may have no tiles; refused when a range leaves its stretch. `who`: the device for
// people.
Result<void> plan_gather(Table& table, const std::string& who, std::span<const DeviceMove> moves, const Stretch& from,
                         const Stretch& to);
// And sets `crcs` to what they are where no tile computes them. REQUIRES: as many as ranges.
Result<void> plan_digest(Table& table, const std::string& who, std::span<const DeviceRange> ranges, const Stretch& from,
                         std::span<std::uint32_t> crcs);

}  // namespace netmem::kernels
