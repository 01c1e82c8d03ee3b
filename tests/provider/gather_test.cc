// Gathers over every kind of memory against an oracle: what the bytes must be, those beside the destination included.

#include "netmem/core/gather.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <numeric>
#include <random>

#include "netmem/base/crc32c.h"
#include "netmem/base/units.h"
#include "netmem/core/poison.h"
#include "netmem/pool/page_pool.h"
#include "netmem/providers/gpu/cuda/api.h"
#include "netmem/providers/gpu/cuda/cuda.h"
#include "netmem/providers/gpu/gpu.h"
#include "netmem/providers/gpu/opencl/opencl.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/host/huge_split.h"
#include "netmem/providers/mapped/device.h"
#include "netmem/providers/mapped/device_copy_engine.h"
#include "tests/provider/conformance.h"
#include "tests/support/fake_device.h"
#include "tests/support/heap_counter.h"
#include "tests/support/late_provider.h"
#include "tests/support/pool_checks.h"
#include "tests/support/regions.h"

namespace netmem {
namespace {

using testing::HasSubstr;
using Providers = std::vector<std::shared_ptr<MemoryProvider>>;

constexpr std::size_t kSize = 4 * MiB;
constexpr std::size_t kArena = 1 * MiB;
constexpr std::byte kGuard{0xEE};

std::uint64_t address_of(Netmem page) { return page.descriptor().address; }

// Pages side by side at the end of a provider's region, for gathers to write to.
class Arena {
 public:
  explicit Arena(std::shared_ptr<MemoryProvider> provider) : provider_(std::move(provider)) {
    std::vector<Netmem> all = grant_all(*provider_);
    std::ranges::sort(all, {}, address_of);
    const auto rest = std::span(all).first(all.size() - kArena / provider_->page_size());
    pages_.assign(all.begin() + static_cast<std::ptrdiff_t>(rest.size()), all.end());
    reclaim_all(*provider_, {rest.begin(), rest.end()});
    for (const Netmem page : pages_) unpoison(page);  // as a pool does that hands them out
    clear();
  }
  ~Arena() { reclaim_all(*provider_, pages_); }

  [[nodiscard]] Destination at(std::size_t offset, std::size_t size) const {
    return {&pages_[0].region(), address_of(pages_[0]) + offset, size};
  }
  // In whole pages.
  void clear(std::size_t begin = 0, std::size_t size = kArena) {
    const std::vector<std::byte> guard(pages_[0].region().page_size(), kGuard);
    std::vector<CopyIn> copies;
    for (std::size_t at = begin; at < begin + size; at += guard.size())
      copies.push_back({pages_[at / guard.size()], 0, guard});
    ASSERT_TRUE(provider_->copy_engine().copy_in(copies));
  }
  [[nodiscard]] std::vector<std::byte> read(std::size_t offset, std::size_t size) const {
    std::vector<std::byte> bytes(size);
    std::vector<CopyOut> copies;
    const std::size_t page_size = pages_[0].region().page_size();
    for (std::size_t done = 0; done < size;) {
      const std::size_t in_page = (offset + done) % page_size;
      const std::size_t now = std::min(size - done, page_size - in_page);
      copies.push_back({std::span(bytes).subspan(done, now), pages_[(offset + done) / page_size],
                        static_cast<std::uint32_t>(in_page)});
      done += now;
    }
    EXPECT_TRUE(provider_->copy_engine().copy_out(copies));
    return bytes;
  }
  // What was gathered is there, and nothing was written for some bytes on either side.
  void expect(std::size_t offset, const std::vector<std::byte>& bytes) const {
    const std::size_t before = std::min<std::size_t>(offset, 256);
    const std::size_t after = std::min<std::size_t>(kArena - offset - bytes.size(), 256);
    std::vector<std::byte> wanted(before, kGuard);
    wanted.insert(wanted.end(), bytes.begin(), bytes.end());
    wanted.insert(wanted.end(), after, kGuard);
    const auto got = read(offset - before, wanted.size());
    const auto wrong = std::ranges::mismatch(got, wanted).in1 - got.begin();
    EXPECT_EQ(wrong, std::ssize(got)) << "byte " << wrong - static_cast<std::ptrdiff_t>(before) << " of "
                                      << bytes.size() << " at " << offset;
  }
  void expect_untouched() const { EXPECT_EQ(read(0, kArena), std::vector<std::byte>(kArena, kGuard)); }

 private:
  std::shared_ptr<MemoryProvider> provider_;
  std::vector<Netmem> pages_;
};

struct GatherCase {
  std::string name;
  // Two providers whose regions one engine reaches, or why there are none.
  std::function<Result<Providers>(std::size_t size)> make;
};
void PrintTo(const GatherCase& what, std::ostream* out) { *out << what.name; }

// Pages full of noise that is known here, and places to gather to in their own region and in another one.
class GatherOracle : public testing::TestWithParam<GatherCase> {
 protected:
  void SetUp() override {
    auto made = GetParam().make(kSize);
    if (!made) GTEST_SKIP() << made.error().message();
    providers_ = std::move(*made);
    same_.emplace(providers_[0]);
    other_.emplace(providers_[1]);
    pool_ = PagePool::create(providers_[0], {.allow_unreadable = true}).value();
    for (Netmem page : take(*pool_, 200)) {
      noise_.emplace_back(pool_->page_size());
      for (std::byte& byte : noise_.back()) byte = static_cast<std::byte>(random_());
      ASSERT_TRUE(providers_[0]->copy_engine().copy_in(std::array{CopyIn{page, 0, noise_.back()}}));
      pages_.emplace_back(page);
    }
  }
  void TearDown() override {
    if (!pool_) return;
    for (const Ref& page : pages_)
      EXPECT_EQ(page.get().descriptor().refs & Descriptor::kCountMask, 1u) << "views are still held";
    pages_.clear();
    EXPECT_EQ(pool_->counters().inflight(), 0);
    expect_balanced(*pool_);
  }

  struct Pick {
    std::size_t page;
    std::uint32_t offset;
    std::uint32_t size;
  };
  Pick pick(std::uint32_t largest) {
    const auto page_size = static_cast<std::uint32_t>(pool_->page_size());
    const auto size = static_cast<std::uint32_t>(1 + random_() % largest);
    return {random_() % pages_.size(), static_cast<std::uint32_t>(random_() % (page_size - size + 1)), size};
  }
  std::vector<View> views_of(const std::vector<Pick>& picks) const {
    std::vector<View> views;
    for (const Pick& one : picks) views.emplace_back(pages_[one.page].share(), one.offset, one.size);
    return views;
  }
  std::vector<std::byte> bytes_of(const std::vector<Pick>& picks) const {
    std::vector<std::byte> bytes;
    for (const Pick& one : picks) {
      const auto part = std::span(noise_[one.page]).subspan(one.offset, one.size);
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
  }
  // Gathers into both arenas, one after the other, and compares.
  void check(const std::vector<Pick>& picks, std::size_t at) {
    const auto bytes = bytes_of(picks);
    for (Arena* arena : {&*same_, &*other_}) {
      auto views = views_of(picks);
      const auto begun = gather_.begin(views, arena->at(at, bytes.size()));
      ASSERT_TRUE(begun) << begun.error().message();
      for (const View& view : views) ASSERT_FALSE(view) << "the view is still the caller's";
      const auto done = gather_.wait();
      ASSERT_TRUE(done) << done.error().message();
      arena->expect(at, bytes);
    }
  }

  std::mt19937 random_{4711};
  Providers providers_;
  std::optional<Arena> same_, other_;
  PagePoolPtr pool_;
  std::vector<std::vector<std::byte>> noise_;
  std::vector<Ref> pages_;
  Gather gather_;
};

TEST_P(GatherOracle, EveryMisalignmentOfSourceAndDestination) {
  for (std::uint32_t from = 0; from < 16; ++from) {
    for (std::uint32_t to = 0; to < 16; ++to) {
      for (const std::uint32_t size : {1U, 2U, 3U, 4U, 7U, 8U, 15U, 16U, 17U, 31U, 33U, 1460U, 4096U - from}) {
        SCOPED_TRACE(testing::Message() << size << " bytes from " << from << " to " << to << " modulo 16");
        check({{.page = (from + to) % pages_.size(), .offset = from, .size = size}}, 512 + to);
        if (HasFailure()) return;
        same_->clear(0, 8192);
        other_->clear(0, 8192);
      }
    }
  }
}

TEST_P(GatherOracle, PiecesOfOneByte) {
  std::vector<Pick> picks;
  for (int i = 0; i < 5000; ++i) picks.push_back(pick(1));
  check(picks, 12'345);
}

TEST_P(GatherOracle, ThousandsOfPieces) {
  std::vector<Pick> picks;
  for (int i = 0; i < 10'000; ++i) picks.push_back(pick(100));
  check(picks, 3);
}

TEST_P(GatherOracle, WholePagesInAnyOrder) {
  std::vector<Pick> picks;
  for (std::size_t i = 0; i < pages_.size(); ++i)
    picks.push_back({i, 0, static_cast<std::uint32_t>(pool_->page_size())});
  std::ranges::shuffle(picks, random_);
  check(picks, 0);
}

TEST_P(GatherOracle, PiecesThatLieSideBySideAndEmptyOnes) {
  check({{0, 100, 3996}, {1, 0, 4096}, {2, 0, 0}, {2, 0, 10}, {2, 10, 10}, {1, 7, 0}}, 77);
  check({{5, 0, 0}, {5, 4096, 0}}, 40'000);
}

TEST_P(GatherOracle, TheWholeArenaToItsLastByte) {
  std::vector<Pick> picks;
  std::size_t size = 0;
  while (size < kArena - 4096) size += picks.emplace_back(pick(4096)).size;
  picks.push_back({0, 0, static_cast<std::uint32_t>(kArena - size)});
  check(picks, 0);
}

TEST_P(GatherOracle, TheCrcOfEachPiece) {
  std::vector<Pick> picks = {{0, 0, 0}, {0, 4096, 0}, {0, 0, 4096}};
  for (int i = 0; i < 3000; ++i) picks.push_back(pick(std::array{1U, 16U, 200U, 4096U}[random_() % 4]));
  std::vector<GatherPiece> pieces;
  for (const Pick& one : picks) pieces.push_back({pages_[one.page].get(), one.offset, one.size});
  CopyEngine& engine = providers_[0]->copy_engine();
  // The engine's own way, and that of one that can only copy.
  for (int way = 0; way < 2; ++way) {
    std::vector<std::uint32_t> crcs(pieces.size() + 1, 42);
    const auto room = std::span(crcs).first(pieces.size());
    const auto ticket = way == 0 ? engine.begin_crc32c(pieces, room) : engine.CopyEngine::begin_crc32c(pieces, room);
    ASSERT_TRUE(ticket) << ticket.error().message();
    ASSERT_TRUE(engine.wait(*ticket));
    for (std::size_t i = 0; i < picks.size(); ++i)
      ASSERT_EQ(crcs[i], crc32c(std::span(noise_[picks[i].page]).subspan(picks[i].offset, picks[i].size))) << i;
    EXPECT_EQ(crcs.back(), 42U);
  }
  pieces.push_back({pages_[0].get(), 4000, 97});
  std::vector<std::uint32_t> crcs(pieces.size());
  EXPECT_THAT(engine.begin_crc32c(pieces, crcs).error().message(), HasSubstr("97 bytes at 4000 leave page "));
}

// What a refusal says; the views stay the caller's, and nothing is written.
TEST_P(GatherOracle, WhatIsRefusedLeavesTheViewsAndTheDestination) {
  const auto refusal = [&](const std::vector<Pick>& picks, const Destination& to) {
    auto views = views_of(picks);
    const auto begun = gather_.begin(views, to);
    EXPECT_FALSE(gather_.under_way());
    for (std::size_t i = 0; i < views.size(); ++i) {
      EXPECT_EQ(views[i].netmem(), pages_[picks[i].page].get());
      EXPECT_EQ(views[i].size(), picks[i].size);
    }
    return begun ? std::string("begun") : begun.error().message();
  };
  const std::vector<Pick> picks = {{0, 10, 100}, {1, 0, 11}};
  EXPECT_EQ(refusal(picks, same_->at(0, 110)), "cannot gather: the pieces are 111 bytes, the destination is 110");
  EXPECT_EQ(refusal(picks, same_->at(0, 112)), "cannot gather: the pieces are 111 bytes, the destination is 112");
  EXPECT_THAT(refusal(picks, same_->at(kArena - 110, 111)), HasSubstr(" leave region "));
  EXPECT_THAT(refusal(picks, same_->at(kArena, 111)), HasSubstr(" leave region "));
  EXPECT_THAT(refusal(picks, same_->at(kArena + 1, 111)), HasSubstr(" leave region "));
  const Region* region = same_->at(0, 0).region;
  for (const std::uint64_t address : {region->address() - 1, std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{50}})
    EXPECT_THAT(refusal(picks, {region, address, 111}), HasSubstr(" leave region "));
  same_->expect_untouched();
  other_->expect_untouched();
}

TEST_P(GatherOracle, MemoryThatTheEngineDoesNotReachIsRefused) {
  const bool device = providers_[0]->is_device();
  const auto foreign = device ? make_host_provider({.size = 64 * KiB}).value()
                              : std::shared_ptr<MemoryProvider>(make_memfd_provider({.size = 64 * KiB}).value());
  const Region* region = foreign->lasting_region();
  auto views = views_of({{0, 10, 100}});
  const auto begun = gather_.begin(views, {region, region->address(), 100});
  ASSERT_FALSE(begun);
  EXPECT_THAT(begun.error().message(), HasSubstr("the destination is not in "));
  EXPECT_TRUE(views[0]);
}

TEST_P(GatherOracle, AnyMixOfSizesInSeveralGathersAtATime) {
  constexpr std::size_t kSlots = 4;
  struct Slot {
    Gather gather;
    Arena* arena = nullptr;
    std::size_t at = 0;
    std::vector<std::byte> bytes;
  };
  for (const std::uint32_t seed : {1U, 2U, 3U, std::random_device()()}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    random_.seed(seed);
    std::array<Slot, kSlots> slots;
    const auto finish = [&](Slot& slot) {
      slot.arena->expect(slot.at, slot.bytes);
      slot.arena = nullptr;
    };
    for (int step = 0; step < 120 && !HasFailure(); ++step) {
      const std::size_t number = random_() % kSlots;
      Slot& slot = slots[number];
      if (slot.arena == nullptr) {
        std::vector<Pick> picks;
        const std::uint32_t largest = std::array{1U, 16U, 200U, 1460U, 4096U}[random_() % 5];
        const std::size_t count = random_() % 50;
        for (std::size_t i = 0; i < count; ++i) picks.push_back(pick(largest));
        slot.bytes = bytes_of(picks);
        slot.arena = random_() % 2 == 0 ? &*same_ : &*other_;
        slot.at = number * (kArena / kSlots) + 300 + random_() % 64;
        slot.arena->clear(number * (kArena / kSlots), kArena / kSlots);
        auto views = views_of(picks);
        ASSERT_TRUE(slot.gather.begin(views, slot.arena->at(slot.at, slot.bytes.size())));
      } else if (random_() % 3 == 0) {
        ASSERT_TRUE(slot.gather.wait());
        finish(slot);
      } else if (slot.gather.poll().value()) {
        finish(slot);
      }
    }
  }
}

Result<Providers> pair_of(const std::function<Made()>& make) {
  Providers made;
  for (int i = 0; i < 2; ++i) {
    auto one = make();
    if (!one) return std::unexpected(one.error());
    made.push_back(std::move(*one));
  }
  return made;
}

const GatherCase kHost = {
    "host", [](std::size_t size) { return pair_of([=]() -> Made { return make_host_provider({.size = size}); }); }};
const GatherCase kMemfd = {
    "memfd", [](std::size_t size) { return pair_of([=]() -> Made { return make_memfd_provider({.size = size}); }); }};
const GatherCase kUdmabuf = {"udmabuf", [](std::size_t size) {
                               return pair_of([=]() -> Made { return make_udmabuf_provider({.size = size}); });
                             }};
// Two providers of one device.
Result<Providers> pair_on(const Result<std::shared_ptr<DeviceApi>>& device, std::size_t size) {
  if (!device) return std::unexpected(device.error());
  return pair_of([&]() -> Made { return make_gpu_provider(*device, {.size = size}); });
}

const cuda::Library& fake_cuda() {
  static const cuda::Library library = cuda::load(NETMEM_FAKE_CUDA).value();
  return library;
}
struct DeviceCase {
  std::string name;
  std::function<Result<std::shared_ptr<DeviceApi>>()> open;
};
void PrintTo(const DeviceCase& what, std::ostream* out) { *out << what.name; }
const std::vector<DeviceCase> kDevices = {
    {"opencl", [] { return open_opencl(); }},
    {"cuda", [] { return open_cuda(); }},
    {"fake_cuda", [] { return CudaApi::open(fake_cuda(), 0); }},
    {"fake", []() -> Result<std::shared_ptr<DeviceApi>> { return std::make_shared<FakeDevice>(); }},
};
std::vector<GatherCase> device_cases() {
  std::vector<GatherCase> cases;
  for (const DeviceCase& device : kDevices)
    cases.push_back({device.name, [&device](std::size_t size) { return pair_on(device.open(), size); }});
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Gpu, GatherOracle, testing::ValuesIn(device_cases()),
                         [](const auto& tested) { return tested.param.name; });

// What only a device can do.
class DeviceGather : public testing::TestWithParam<DeviceCase> {
 protected:
  static constexpr std::size_t kRaw = 256 * KiB;

  void SetUp() override {
    auto opened = GetParam().open();
    if (!opened) GTEST_SKIP() << opened.error().message();
    device_ = std::move(*opened);
    raw_ = device_->allocate(kRaw, 4096).value();
    std::vector<std::byte> guard(kRaw, kGuard);
    ASSERT_TRUE(copy(DeviceCopy::Direction::to_device, guard));
    provider_ = make_gpu_provider(device_, {.size = 64 * KiB}).value();
    pool_ = PagePool::create(provider_, {.allow_unreadable = true}).value();
  }
  void TearDown() override {
    if (!device_) return;
    EXPECT_EQ(pool_->counters().inflight(), 0);
    device_->free(raw_);
  }
  Result<void> copy(DeviceCopy::Direction direction, std::vector<std::byte>& host) {
    const auto ticket = device_->enqueue(std::array{DeviceCopy{direction, raw_, host.data(), host.size()}});
    return ticket ? device_->wait(*ticket) : std::unexpected(ticket.error());
  }
  // Views of 100 bytes each, and what is in them.
  std::vector<View> views(std::size_t count, std::vector<std::byte>& bytes) {
    std::vector<View> made;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::byte> noise(100);
      for (std::byte& byte : noise) byte = static_cast<std::byte>(random_());
      Ref page(pool_->try_alloc());
      EXPECT_TRUE(provider_->copy_engine().copy_in(std::array{CopyIn{page.get(), 7, noise}}));
      made.emplace_back(std::move(page), 7, 100);
      bytes.insert(bytes.end(), noise.begin(), noise.end());
    }
    return made;
  }

  std::mt19937 random_{7};
  std::shared_ptr<DeviceApi> device_;
  DeviceAddress raw_ = 0;
  std::shared_ptr<MemoryProvider> provider_;
  PagePoolPtr pool_;
};

TEST_P(DeviceGather, GoesToAnyAddressOfTheDevice) {
  for (const std::size_t at : {0UL, 1UL, 4095UL, 12'345UL, kRaw - 1000}) {
    std::vector<std::byte> guard(kRaw, kGuard), wanted, got(kRaw);
    ASSERT_TRUE(copy(DeviceCopy::Direction::to_device, guard));
    auto mine = views(10, wanted);
    Gather gather;
    ASSERT_TRUE(gather.begin(mine, {.address = raw_ + at, .size = 1000}));
    ASSERT_TRUE(gather.wait());
    ASSERT_TRUE(copy(DeviceCopy::Direction::to_host, got));
    std::ranges::copy(wanted, guard.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_EQ(got, guard);
  }
}

TEST_P(DeviceGather, WhatLeavesItsAllocationIsRefused) {
  std::vector<std::byte> bytes, got(kRaw);
  auto mine = views(10, bytes);
  Gather gather;
  EXPECT_FALSE(gather.begin(mine, {.address = raw_ + kRaw - 999, .size = 1000}));
  for (const View& view : mine) EXPECT_TRUE(view);
  ASSERT_TRUE(copy(DeviceCopy::Direction::to_host, got));
  EXPECT_EQ(got, std::vector<std::byte>(kRaw, kGuard));
}

TEST_P(DeviceGather, AnotherDevicesRegionIsRefused) {
  const auto foreign = make_gpu_provider(std::make_shared<FakeDevice>(), {.size = 64 * KiB}).value();
  const Region* region = foreign->lasting_region();
  std::vector<std::byte> bytes;
  auto mine = views(2, bytes);
  Gather gather;
  const auto begun = gather.begin(mine, {region, region->address(), 200});
  ASSERT_FALSE(begun);
  EXPECT_THAT(begun.error().message(), HasSubstr("the destination is not in a region of " + device_->describe()));
  EXPECT_TRUE(mine[0] && mine[1]);
}

INSTANTIATE_TEST_SUITE_P(Gpu, DeviceGather, testing::ValuesIn(kDevices),
                         [](const auto& tested) { return tested.param.name; });

// A device that fails when it is told to.
TEST(GpuGather, WhatTheDeviceRefusesOrFailsIsToldAndTheViewsAreNotLost) {
  const auto device = std::make_shared<FakeDevice>();
  const auto provider = make_gpu_provider(device, {.size = 64 * KiB}).value();
  const auto target = make_gpu_provider(device, {.size = 64 * KiB}).value();
  const auto pool = PagePool::create(provider, {.allow_unreadable = true}).value();
  const Destination to{target->lasting_region(), target->lasting_region()->address() + 5, 20};
  std::vector<View> views;
  for (int i = 0; i < 2; ++i) views.emplace_back(Ref(pool->try_alloc()), 0, 10);
  Gather gather;
  device->fail_launch = true;
  EXPECT_FALSE(gather.begin(views, to));
  EXPECT_TRUE(views[0] && views[1]);
  ASSERT_TRUE(gather.begin(views, to));
  EXPECT_FALSE(gather.poll().value());
  EXPECT_EQ(pool->counters().inflight(), 2);
  device->fail_copy = true;
  EXPECT_THAT(gather.wait().error().message(), HasSubstr("its cable is loose"));
  EXPECT_EQ(pool->counters().inflight(), 0);
  expect_balanced(*pool);
}

// As many launches as gathers, and a copy that was begun before has happened.
TEST(GpuGather, FollowsACopyWithoutWaitingForIt) {
  const auto device = std::make_shared<FakeDevice>();
  const auto provider = make_gpu_provider(device, {.size = 64 * KiB}).value();
  const auto pool = PagePool::create(provider, {.allow_unreadable = true}).value();
  const Netmem from = pool->try_alloc(), target = pool->try_alloc();
  const std::vector<std::byte> bytes(100, std::byte{9});
  const auto copied = provider->copy_engine().begin_copy_in(std::array{CopyIn{from, 1, bytes}}).value();
  std::vector<View> views;
  views.emplace_back(Ref(from), 1, 100);
  Gather gather;
  ASSERT_TRUE(gather.begin(views, {&target.region(), address_of(target) + 77, 100}));
  ASSERT_TRUE(gather.wait());
  ASSERT_TRUE(provider->copy_engine().wait(copied));
  std::vector<std::byte> got(100);
  ASSERT_TRUE(provider->copy_engine().copy_out(std::array{CopyOut{got, target, 77}}));
  EXPECT_EQ(got, bytes);
  drop(target);
}

INSTANTIATE_TEST_SUITE_P(Gather, GatherOracle, testing::Values(kHost, kMemfd, kUdmabuf),
                         [](const auto& tested) { return tested.param.name; });

// Gathers that end when a test says so.
struct LateGather : testing::Test {
  std::shared_ptr<LateProvider> provider = LateProvider::create(1 * MiB);
  std::shared_ptr<MemoryProvider> target = make_host_provider({.size = 64 * KiB}).value();
  PagePoolPtr pool = PagePool::create(provider).value();

  std::vector<View> views(std::size_t count) const {
    std::vector<View> made;
    for (std::size_t i = 0; i < count; ++i) made.emplace_back(Ref(pool->try_alloc()), 0, 10);
    return made;
  }
  PagePoolPtr target_pool = PagePool::create(target).value();
  Ref there{target_pool->try_alloc()};
  Destination to(std::size_t size) const { return {&there.get().region(), address_of(there.get()), size}; }
  void expect_home() const {
    EXPECT_EQ(pool->counters().inflight(), 0);
    expect_balanced(*pool);
  }
};

TEST_F(LateGather, HoldsTheViewsUntilTheBytesAreThere) {
  auto mine = views(3);
  Gather gather;
  provider->polls_left = 2;
  ASSERT_TRUE(gather.begin(mine, to(30)));
  EXPECT_TRUE(gather.under_way());
  EXPECT_FALSE(gather.poll().value());
  EXPECT_FALSE(gather.poll().value());
  EXPECT_EQ(pool->counters().inflight(), 3);
  EXPECT_TRUE(gather.poll().value());
  EXPECT_FALSE(gather.under_way());
  expect_home();
  EXPECT_TRUE(gather.poll().value());
  EXPECT_TRUE(gather.wait());
  EXPECT_EQ(provider->ended, 1);
}

TEST_F(LateGather, AnErrorOfTheDeviceIsToldOnceAndTheViewsAreDropped) {
  Gather gather;
  for (const bool waits : {true, false}) {
    auto mine = views(3);
    provider->fails = true;
    ASSERT_TRUE(gather.begin(mine, to(30)));
    const std::string told = waits ? gather.wait().error().message() : gather.poll().error().message();
    EXPECT_EQ(told, "cannot gather: the cable is loose");
    expect_home();
    EXPECT_TRUE(gather.wait());
  }
  auto mine = views(2);
  ASSERT_TRUE(gather.begin(mine, to(20)));
  ASSERT_TRUE(gather.wait());
  expect_home();
}

TEST_F(LateGather, ItsEndWaits) {
  {
    Gather gather;
    auto mine = views(3);
    provider->polls_left = 1000;
    ASSERT_TRUE(gather.begin(mine, to(30)));
  }
  EXPECT_EQ(provider->ended, 1);
  expect_home();
}

TEST_F(LateGather, AnotherOneMeanwhileStopsTheProgram) {
  const auto twice = [this] {
    Gather gather;
    auto mine = views(3), more = views(2);
    static_cast<void>(gather.begin(mine, to(30)));
    static_cast<void>(gather.begin(more, to(20)));
  };
  EXPECT_DEATH(twice(), "a gather of 2 views begins before the one of 3 is done");
}

TEST_F(LateGather, SeveralStandSideBySide) {
  std::array<Gather, 3> gathers;
  for (Gather& gather : gathers) {
    auto mine = views(2);
    ASSERT_TRUE(gather.begin(mine, to(20)));
  }
  EXPECT_EQ(pool->counters().inflight(), 6);
  for (Gather& gather : gathers) ASSERT_TRUE(gather.wait());
  expect_home();
}

TEST_F(LateGather, ViewsOfSeveralProvidersAreRefusedByName) {
  auto mine = views(1);
  mine.emplace_back(Ref(target_pool->try_alloc()), 0, 10);
  Gather gather;
  const auto begun = gather.begin(mine, to(20));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().message(),
            "cannot gather: the views are of late and of host:64 KiB; gather the views of each provider by themselves");
  EXPECT_TRUE(mine[0] && mine[1]);
  mine[1].reset();
  EXPECT_THAT(gather.begin(mine, to(20)).error().message(), HasSubstr("one of the views is empty"));
  EXPECT_THAT(gather.begin({}, to(1)).error().message(), HasSubstr("there are no views for 1 bytes"));
  EXPECT_TRUE(gather.begin({}, to(0)));
  mine.clear();
  expect_home();
}

TEST_F(LateGather, TakesNoMemoryOnceItHasHeldAsMany) {
#ifdef NETMEM_UNDER_SANITIZER
  GTEST_SKIP() << "the sanitizer has its own operator new";
#endif
  Gather gather;
  auto mine = views(100);
  const Destination all = to(1000);
  const auto round = [&] {
    for (View& view : mine) view = View(Ref(pool->try_alloc()), 1, 10);
    return gather.begin(mine, all) && gather.wait();
  };
  ASSERT_TRUE(round());
  const std::uint64_t before = heap_allocations();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(round());
  EXPECT_EQ(heap_allocations(), before);
}

TEST(Gather, ViewsOfSeveralRegionsOfOneProviderGoTogether) {
  const auto provider = make_huge_split_provider({.size = 4 * MiB}).value();
  const auto pool = PagePool::create(provider).value();
  const auto pages = take(*pool, 600);
  ASSERT_GT(regions_of(*provider).size(), 1u);
  std::vector<View> views;
  std::string wanted;
  for (const Netmem page : pages) {
    const char letter = static_cast<char>('a' + wanted.size() % 23);
    *reinterpret_cast<char*>(Page(page).address() + 5) = letter;
    wanted += letter;
    views.emplace_back(Ref(page), 5, 1);
  }
  const auto target_pool = PagePool::create(make_host_provider({.size = 4096}).value()).value();
  const Ref there(target_pool->try_alloc());
  Gather gather;
  ASSERT_TRUE(gather.begin(views, {&there.get().region(), address_of(there.get()) + 3, wanted.size()}));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(Page(there.get()).address() + 3), wanted.size()), wanted);
  EXPECT_EQ(pool->counters().inflight(), 0);
}

TEST(Gather, AHandleFromBeforeIsNamed) {
  const auto provider = make_host_provider({.size = 64 * KiB}).value();
  const auto pool = PagePool::create(provider).value();
  const Netmem page = pool->try_alloc();
  drop(page);
  const Region* region = provider->lasting_region();
  const std::array pieces = {GatherPiece{page, 0, 1}};
  const Destination to{region, region->address() + 8192, 1};
  EXPECT_DEATH(static_cast<void>(provider->copy_engine().begin_gather(pieces, to)), "copied after it went home");
}

TEST(CopyEngines, RefuseAGatherThatLeavesItsPage) {
  const auto check = [](MemoryProvider& provider) {
    const std::vector<Netmem> pages = grant_all(provider);
    const Region& region = pages[0].region();
    const Destination to{&region, address_of(pages[5]), 10};
    for (const std::uint32_t offset : {4087U, 4096U, ~0U, ~0U - 9}) {
      const auto begun = provider.copy_engine().begin_gather(std::array{GatherPiece{pages[0], offset, 10}}, to);
      ASSERT_FALSE(begun);
      EXPECT_THAT(begun.error().message(), HasSubstr(" leave page "));
    }
    EXPECT_FALSE(provider.copy_engine().begin_gather(std::array{GatherPiece{{}, 0, 10}}, to));
    EXPECT_FALSE(provider.copy_engine().begin_gather(std::array{GatherPiece{pages[0], 0, 10}}, {nullptr, 0, 10}));
    reclaim_all(provider, pages);
  };
  check(*make_host_provider({.size = 64 * KiB}).value());
  check(*make_memfd_provider({.size = 64 * KiB}).value());
}

TEST(CopyEngines, AGatherOfDeviceMemoryWithoutAWindowOrWithoutCachesInOrderIsRefused) {
  const auto provider = make_memfd_provider({.size = 64 * KiB}).value();
  const std::vector<Netmem> pages = grant_all(*provider);
  const Region& region = pages[0].region();
  const std::array pieces = {GatherPiece{pages[0], 0, 10}};
  const Destination to{&region, address_of(pages[5]), 10};
  // Another region of the same provider, which this engine has no window of.
  const auto second = Region::create(*provider, {.device = true, .address = 0x1000, .size = 4096}).value();
  const auto unknown = provider->copy_engine().begin_gather(pieces, {second.get(), 0x1000, 10});
  EXPECT_THAT(unknown.error().message(), HasSubstr("not in a region that the CPU maps for a device"));
  DeviceCopyEngine blind(region, nullptr, -1);
  EXPECT_THAT(blind.begin_gather(pieces, to).error().message(), HasSubstr("lets the CPU map nothing"));
  const Fd no_dmabuf(::dup(0));
  DeviceCopyEngine unsynced(region, region.io_window(pages[0]) - region.offset(pages[0]), no_dmabuf.get());
  EXPECT_THAT(unsynced.begin_gather(pieces, to).error().message(), HasSubstr("DMA_BUF_IOCTL_SYNC"));
  reclaim_all(*provider, pages);
}

}  // namespace
}  // namespace netmem
