#include "netmem/providers/gpu/copy_plan.h"

#include <algorithm>
#include <cstring>

namespace netmem {
namespace {

constexpr std::size_t kWord = 16;  // what the kernel reads and writes at a time

bool is_small(const DeviceCopy& copy, const CopyPlan::Memory& memory) {
  const DeviceAddress offset = copy.device - memory.begin;
  return copy.size < kSmallCopy && copy.device >= memory.begin && offset < memory.size &&
         copy.size <= memory.size - offset;
}

bool overlap(const DeviceCopy& one, const DeviceCopy& next) { return one.device + one.size > next.device; }

std::size_t table_size(std::size_t bytes) {
  return (bytes + kernels::kTile - 1) / kernels::kTile * kernels::kGatherWords * sizeof(std::uint64_t);
}

}  // namespace

bool CopyPlan::divide(std::span<const DeviceCopy> batch, const Memory& memory) {
  together_.clear();
  alone_.clear();
  if (std::ranges::any_of(batch, is_to_host)) return false;
  sorted_.assign(batch.begin(), batch.end());
  std::ranges::sort(sorted_, {}, &DeviceCopy::device);
  if (std::ranges::adjacent_find(sorted_, overlap) != sorted_.end()) return false;
  for (const DeviceCopy& copy : sorted_) (is_small(copy, memory) ? together_ : alone_).push_back(copy);
  return together_.size() > kManyCopies;
}

void CopyPlan::make_table(kernels::Table& table, const std::byte* host, DeviceAddress to) {
  moves_.clear();
  for (const DeviceCopy& copy : together_)
    moves_.push_back({.from = static_cast<std::uint64_t>(copy.host - host), .to = copy.device - to, .size = copy.size});
  kernels::make_gather(table, moves_, 0, 0);
}

// A piece lies in the buffer as it will lie in its words on the device: whole words are then copied as they are.
std::size_t CopyPlan::make_packed_table(kernels::Table& table, DeviceAddress to) {
  moves_.clear();
  std::size_t tiles = 0, bytes = 0;
  for (const DeviceCopy& copy : together_) {
    const std::size_t at = bytes + (copy.device - bytes) % kWord;
    if (tiles + table_size(copy.size) + at + copy.size + kWord > kMostPacked) break;
    tiles += table_size(copy.size);
    bytes = at + copy.size;
    moves_.push_back({.from = at, .to = copy.device - to, .size = copy.size});
  }
  alone_.insert(alone_.end(), together_.begin() + static_cast<std::ptrdiff_t>(moves_.size()), together_.end());
  together_.resize(moves_.size());
  const std::size_t begin = (tiles + kWord - 1) / kWord * kWord;
  for (DeviceMove& move : moves_) move.from += begin;
  kernels::make_gather(table, moves_, 0, 0);
  return begin + bytes;
}

void CopyPlan::pack(const kernels::Table& table, std::byte* buffer) const {
  std::memcpy(buffer, table.words.data(), table.size());
  for (std::size_t i = 0; i < moves_.size(); ++i)
    std::memcpy(buffer + moves_[i].from, together_[i].host, together_[i].size);
}

}  // namespace netmem
