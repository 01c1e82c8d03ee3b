#include "bench/gpu/works.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <optional>

#include "netmem/base/crc32c.h"
#include "netmem/base/units.h"
#include "netmem/core/copy_engine.h"
#include "netmem/core/page.h"
#include "netmem/providers/host/host.h"

namespace netmem::bench {
namespace {

constexpr std::size_t kStagingPage = 64 * KiB;  // as `netmem recv` has them

std::vector<Netmem> grant_all(MemoryProvider& provider) {
  std::vector<Netmem> pages(provider.free_pages());
  pages.resize(provider.grant(pages));
  std::ranges::sort(pages, {}, [](Netmem page) { return page.descriptor().address; });
  return pages;
}

}  // namespace

Result<std::unique_ptr<GpuWorks>> GpuWorks::create(std::shared_ptr<DeviceApi> device, std::size_t size) {
  if (size < kLeast)
    return refused("measure copies of " + format_size(size), "that is less than what is under way at a time",
                   "take " + format_size(kLeast) + " or more");
  std::unique_ptr<GpuWorks> works(new GpuWorks(std::move(device), size / kBatch * kBatch));
  if (auto taken = works->take_memory(); !taken) return std::unexpected(taken.error());
  if (auto taken = works->take_staging(); !taken) return std::unexpected(taken.error());
  if (auto filled = works->fill_source(); !filled) return std::unexpected(filled.error());
  return works;
}

GpuWorks::~GpuWorks() {
  if (staging_) staging_->reclaim(staging_pages_);
  if (memory_) memory_->reclaim(in_order_);
  if (registered_) device_->unregister_host({host_.data(), host_.size()});
  if (source_ != 0) device_->free(source_);
  if (target_ != 0) device_->free(target_);
}

Result<void> GpuWorks::take_memory() {
  for (DeviceAddress* const address : {&source_, &target_}) {
    const auto taken = device_->allocate(size_, 2 * MiB);
    if (!taken) return std::unexpected(taken.error());
    *address = *taken;
  }
  auto memory = make_gpu_provider(device_, {.size = size_, .page_size = kPage});
  if (!memory) return std::unexpected(memory.error());
  memory_ = std::move(*memory);
  in_order_ = shuffled_pages_ = grant_all(*memory_);
  std::ranges::shuffle(shuffled_pages_, random_);
  auto host = Mapping::anonymous(size_, 2 * MiB);
  if (!host) return std::unexpected(host.error());
  host_ = std::move(*host);
  for (std::size_t at = 0; at < size_; at += sizeof(std::uint64_t)) {
    const std::uint64_t noise = random_();
    std::memcpy(host_.data() + at, &noise, sizeof noise);
  }
  const auto registered = device_->register_host({host_.data(), host_.size()});
  registered_ = registered.has_value();
  if (!registered_) unregistered_ = registered.error().message();
  return {};
}

// As the TCP port's staging pool: registered with the device where that takes it.
Result<void> GpuWorks::take_staging() {
  const HostOptions options{
      .size = kLeast, .page_size = kStagingPage, .dma = registered_ ? memory_->staging_dma() : nullptr};
  auto staging = make_host_provider(options);
  if (!staging) return std::unexpected(staging.error());
  staging_ = std::move(*staging);
  staging_pages_ = grant_all(*staging_);
  staging_bytes_ = {Page(staging_pages_[0]).bytes().data(), kLeast};
  std::memcpy(staging_bytes_.data(), host_.data(), kLeast);
  return {};
}

Result<void> GpuWorks::fill_source() {
  return finish(
      device_->enqueue(std::array{DeviceCopy{DeviceCopy::Direction::to_device, source_, host_.data(), size_}}));
}

Result<void> GpuWorks::finish(Result<DeviceTicket> ticket) {
  enqueued_ = std::chrono::steady_clock::now();
  return ticket ? device_->wait(*ticket) : std::unexpected(ticket.error());
}

std::vector<GpuComparison> GpuWorks::comparisons() {
  return {{"gather_4096", "move_4096", "gather of 4 KiB fragments : one copy", 0.8},
          {"gather_1460", "move_1460", "gather of 1460-byte fragments : one copy", 0.5},
          {"staged_in_order", "large_copy", "copies to pages in order : one large one", 0.9},
          {"staged_shuffled", "large_copy", "copies to shuffled pages : one large one", 0.9}};
}

std::vector<GpuWork> GpuWorks::all() {
  std::vector<GpuWork> works;
  add_gather(works, shuffled(kPage, kPage), "of 4 KiB fragments, shuffled");
  add_gather(works, shuffled(2048, 1460), "of 1460-byte fragments, shuffled and unaligned");
  works.push_back(large_copy());
  works.push_back(staged_copies(in_order_, "staged_in_order", "256 KiB at a time into 4 KiB pages, in order"));
  works.push_back(staged_copies(shuffled_pages_, "staged_shuffled", "256 KiB at a time into 4 KiB pages, shuffled"));
  works.push_back(digest());
  return works;
}

GpuWorks::Fragments GpuWorks::shuffled(std::size_t slot, std::size_t fragment) {
  std::vector<std::size_t> slots(size_ / slot);
  std::iota(slots.begin(), slots.end(), std::size_t{0});
  std::ranges::shuffle(slots, random_);
  Fragments fragments;
  for (const std::size_t one : slots)
    fragments.push_back(
        {.from = one * slot + random_() % (slot - fragment + 1), .to = fragments.size() * fragment, .size = fragment});
  return fragments;
}

// The gather, and one copy of as many bytes.
void GpuWorks::add_gather(std::vector<GpuWork>& works, const Fragments& fragments, const std::string& says) {
  const std::size_t fragment = fragments[0].size, bytes = fragments.size() * fragment;
  works.push_back({.name = fmt::format("move_{}", fragment),
                   .says = "one copy on the device of as many bytes as the next",
                   .bytes = bytes,
                   .run = [=, this] { return finish(device_->enqueue_move(source_, target_, bytes)); },
                   .check =
                       [=, this] {
                         const auto ranges = pages_of(bytes);
                         return compare("the copy", target_, ranges,
                                        [&](std::size_t i) { return host(ranges[i].offset, ranges[i].size); });
                       }});
  works.push_back({.name = fmt::format("gather_{}", fragment),
                   .says = "gather " + says,
                   .bytes = bytes,
                   .run = [=, this] { return finish(device_->enqueue_gather(source_, fragments, target_)); },
                   .check =
                       [=, this] {
                         std::vector<DeviceRange> ranges;
                         for (const DeviceMove& move : fragments) ranges.push_back({move.to, move.size});
                         return compare("the gather", target_, ranges,
                                        [&](std::size_t i) { return host(fragments[i].from, fragment); });
                       }});
}

GpuWork GpuWorks::large_copy() {
  const DeviceAddress to = memory_->lasting_region()->address();
  return {.name = "large_copy",
          .says = "one copy from the host to the device",
          .bytes = size_,
          .run =
              [=, this] {
                const DeviceCopy copy{DeviceCopy::Direction::to_device, to, host_.data(), size_};
                return finish(device_->enqueue(std::array{copy}));
              },
          .check =
              [=, this] {
                return compare("the copy to the device", to, pages_of(size_),
                               [this](std::size_t i) { return host(i * kPage, kPage); });
              }};
}

// `pages` stay where they are: they are this object's.
GpuWork GpuWorks::staged_copies(const std::vector<Netmem>& pages, std::string name, const std::string& says) {
  return {.name = std::move(name),
          .says = "copies from the host, " + says,
          .bytes = size_,
          .run = [&pages, this] { return stage(pages); },
          .check =
              [&pages, this] {
                const Region& region = *memory_->lasting_region();
                std::vector<DeviceRange> ranges;
                ranges.reserve(pages.size());
                for (const Netmem page : pages) ranges.push_back({region.offset(page), kPage});
                return compare("the staged copies", region.address(), ranges,
                               [this](std::size_t i) { return host(i * kPage % kLeast, kPage); });
              }};
}

Result<CopyTicket> GpuWorks::begin_batch(const std::vector<Netmem>& pages, std::size_t batch) {
  std::array<CopyIn, kBatch / kPage> copies;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const std::size_t page = batch * copies.size() + i;
    copies[i] = {pages[page], 0, staging_bytes_.subspan(page * kPage % kLeast, kPage)};
  }
  return memory_->copy_engine().begin_copy_in(copies);
}

// Ends what it began, also after an error, which is the first one.
Result<void> GpuWorks::stage(const std::vector<Netmem>& pages) {
  enqueued_ = {};
  const std::size_t batches = size_ / kBatch;
  std::array<std::optional<CopyTicket>, kUnderWay> under_way;
  Result<void> outcome;
  const auto note = [&outcome](const auto& result) {
    if (outcome && !result) outcome = std::unexpected(result.error());
  };
  for (std::size_t batch = 0; batch < batches + kUnderWay; ++batch) {
    std::optional<CopyTicket>& ticket = under_way[batch % kUnderWay];
    if (ticket) note(memory_->copy_engine().wait(*ticket));
    ticket.reset();
    if (batch >= batches || !outcome) continue;
    const auto begun = begin_batch(pages, batch);
    note(begun);
    if (begun) ticket = *begun;
  }
  return outcome;
}

GpuWork GpuWorks::digest() {
  return {.name = "digest",
          .says = "CRC-32C of each page of 4 KiB, on the device",
          .bytes = size_,
          .run =
              [ranges = pages_of(size_), this] {
                crcs_.assign(ranges.size(), 0);
                return finish(device_->enqueue_digest(source_, ranges, crcs_));
              },
          .check =
              [this] {
                return compare("the source", source_, pages_of(size_),
                               [this](std::size_t i) { return host(i * kPage, kPage); });
              }};
}

std::vector<DeviceRange> GpuWorks::pages_of(std::size_t size) const {
  std::vector<DeviceRange> ranges;
  for (std::size_t at = 0; at < size; at += kPage) ranges.push_back({at, std::min(kPage, size - at)});
  return ranges;
}

Result<void> GpuWorks::compare(const std::string& what, DeviceAddress address, const std::vector<DeviceRange>& ranges,
                               const std::function<std::span<const std::byte>(std::size_t)>& expected) {
  crcs_.assign(ranges.size(), 0);
  if (auto done = finish(device_->enqueue_digest(address, ranges, crcs_)); !done) return done;
  for (std::size_t i = 0; i < ranges.size(); ++i)
    if (crcs_[i] != crc32c(expected(i)))
      return refused("measure", fmt::format("{} left wrong bytes in piece {} of {}", what, i, ranges.size()),
                     "run the tests of this device");
  return {};
}

}  // namespace netmem::bench
