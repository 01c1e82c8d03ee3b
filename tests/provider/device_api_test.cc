// What every DeviceApi does with memory of its own: gather, move, digest, against what a few lines on the CPU say.
#include "netmem/providers/gpu/device_api.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <functional>
#include <ostream>
#include <random>

#include "netmem/base/units.h"
#include "netmem/providers/gpu/cuda/api.h"
#include "netmem/providers/gpu/cuda/cuda.h"
#include "netmem/providers/gpu/opencl/opencl.h"
#include "tests/support/fake_device.h"

namespace netmem {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

struct DeviceCase {
  const char* name;
  std::function<Result<std::shared_ptr<DeviceApi>>()> open;
  friend void PrintTo(const DeviceCase& one, std::ostream* out) { *out << one.name; }
};

Bytes random_bytes(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 8);
  return bytes;
}

// RFC 3720, bit by bit.
std::uint32_t crc32c_of(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const std::byte byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

class DeviceApis : public testing::TestWithParam<DeviceCase> {
 protected:
  void SetUp() override {
    auto opened = GetParam().open();
    if (!opened) GTEST_SKIP() << opened.error().message();
    device_ = std::move(*opened);
  }
  void TearDown() override {
    for (const DeviceAddress address : memory_) device_->free(address);
  }

  DeviceAddress memory(std::size_t size) {
    memory_.push_back(device_->allocate(size, 4096).value());
    return memory_.back();
  }
  DeviceAddress memory(Bytes& bytes) {
    const DeviceAddress address = memory(bytes.size());
    write(address, bytes);
    return address;
  }
  void write(DeviceAddress to, Bytes& bytes) {
    const DeviceCopy copy{DeviceCopy::Direction::to_device, to, bytes.data(), bytes.size()};
    ASSERT_TRUE(device_->wait(device_->enqueue(std::array{copy}).value()));
  }
  Bytes read(DeviceAddress from, std::size_t size) {
    Bytes bytes(size);
    const DeviceCopy copy{DeviceCopy::Direction::to_host, from, bytes.data(), size};
    EXPECT_TRUE(device_->wait(device_->enqueue(std::array{copy}).value()));
    return bytes;
  }
  DeviceTicket begin(std::span<const DeviceCopy> batch) {
    const auto ticket = device_->enqueue(batch);
    EXPECT_TRUE(ticket) << ticket.error().message();
    return ticket.value();
  }
  void gather(DeviceAddress from, std::span<const DeviceMove> moves, DeviceAddress to) {
    const auto ticket = device_->enqueue_gather(from, moves, to);
    ASSERT_TRUE(ticket) << ticket.error().message();
    const auto done = device_->wait(*ticket);
    ASSERT_TRUE(done) << done.error().message();
  }
  // Gathers on the device and on the CPU; all of the destination is compared, what lies beside the moves too.
  void expect_gather(const Bytes& source, DeviceAddress from, std::span<const DeviceMove> moves, std::size_t size) {
    Bytes expected = random_bytes(size, 99);
    const DeviceAddress to = memory(expected);
    gather(from, moves, to);
    for (const DeviceMove& move : moves)
      std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(move.from), move.size,
                  expected.begin() + static_cast<std::ptrdiff_t>(move.to));
    EXPECT_TRUE(read(to, size) == expected);
  }
  std::vector<std::uint32_t> digest(DeviceAddress from, std::span<const DeviceRange> ranges) {
    std::vector<std::uint32_t> crcs(ranges.size(), 0xdead);
    const auto ticket = device_->enqueue_digest(from, ranges, crcs);
    EXPECT_TRUE(ticket) << ticket.error().message();
    if (ticket) {
      EXPECT_TRUE(device_->wait(*ticket));
    }
    return crcs;
  }

  std::shared_ptr<DeviceApi> device_;
  std::vector<DeviceAddress> memory_;
};

const cuda::Library& fake_cuda() {
  static const cuda::Library library = cuda::load(NETMEM_FAKE_CUDA).value();
  return library;
}

INSTANTIATE_TEST_SUITE_P(
    , DeviceApis,
    testing::Values(DeviceCase{"OpenCl", [] { return open_opencl(); }}, DeviceCase{"Cuda", [] { return open_cuda(); }},
                    DeviceCase{"CudaOnTheFake", [] { return CudaApi::open(fake_cuda(), 0); }},
                    DeviceCase{"FakeDevice",
                               []() -> Result<std::shared_ptr<DeviceApi>> { return std::make_shared<FakeDevice>(); }}),
    [](const auto& one) { return one.param.name; });

// Pieces of the sizes in turn, from places all over the source, each behind the one before it and `gap` bytes.
std::vector<DeviceMove> shuffled(std::size_t source, std::span<const std::size_t> sizes, std::size_t count,
                                 std::size_t gap) {
  std::minstd_rand random(5);
  std::vector<DeviceMove> moves;
  std::size_t to = gap;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = sizes[i % sizes.size()];
    moves.push_back({.from = random() % (source - size + 1), .to = to, .size = size});
    to += size + gap;
  }
  return moves;
}

std::size_t end_of(const std::vector<DeviceMove>& moves) { return moves.back().to + moves.back().size; }

TEST_P(DeviceApis, GatherKnowsEveryMisalignmentOfSourceAndDestination) {
  Bytes source = random_bytes(64 * KiB, 1);
  const DeviceAddress from = memory(source);
  std::vector<DeviceMove> moves;
  std::size_t to = 0;
  for (const std::size_t size : {1U, 2U, 15U, 16U, 17U, 31U, 32U, 33U, 47U, 63U, 64U, 65U, 1460U, 4096U, 4111U, 9000U})
    for (std::size_t a = 0; a < 16; ++a)
      for (std::size_t b = 0; b < 16; ++b) {
        moves.push_back({.from = 1024 + a, .to = to + 16 + b, .size = size});
        to = (to + 16 + b + size + 15) / 16 * 16;
      }
  expect_gather(source, from, moves, to + 16);
}

TEST_P(DeviceApis, GatherReadsUpToBothEndsOfTheMemory) {
  for (const std::size_t whole : {1U, 15U, 16U, 17U, 100U, 4096U, 4097U, 5000U}) {
    Bytes source = random_bytes(whole, 2);
    const DeviceAddress from = memory(source);
    for (std::size_t to = 0; to < 16; ++to) {
      expect_gather(source, from, std::array{DeviceMove{0, to, whole}}, whole + to);
      if (whole > 3) expect_gather(source, from, std::array{DeviceMove{3, to, whole - 3}}, whole + to);
      if (whole > 3) expect_gather(source, from, std::array{DeviceMove{0, to, whole - 3}}, whole + to);
    }
  }
}

TEST_P(DeviceApis, GatherPutsSingleBytesSideBySide) {
  Bytes source = random_bytes(64 * KiB, 3);
  const DeviceAddress from = memory(source);
  constexpr std::array<std::size_t, 1> kSizes = {1};
  const auto moves = shuffled(source.size(), kSizes, 5000, 0);
  expect_gather(source, from, moves, end_of(moves) + 32);
}

TEST_P(DeviceApis, GatherTakesThousandsOfPiecesOfAnySize) {
  Bytes source = random_bytes(4 * MiB, 4);
  const DeviceAddress from = memory(source);
  constexpr std::array<std::size_t, 9> kSizes = {1460, 1, 4096, 7, 65536, 0, 333, 16, 12289};
  for (const std::size_t gap : {0U, 1U, 16U}) {
    const auto moves = shuffled(source.size(), kSizes, 2000, gap);
    expect_gather(source, from, moves, end_of(moves) + 64);
  }
}

TEST_P(DeviceApis, GatherMovesSixtyFourMebibytesInOneLaunch) {
  Bytes source = random_bytes(64 * MiB + 5, 5);
  const DeviceAddress from = memory(source);
  expect_gather(source, from, std::array{DeviceMove{5, 0, 64 * MiB}}, 64 * MiB);
}

TEST_P(DeviceApis, GatherWorksInsideOneAllocationAndFromTheMiddleOfIt) {
  Bytes whole = random_bytes(MiB, 6);
  const DeviceAddress at = memory(whole);
  std::vector<DeviceMove> moves;
  for (std::size_t i = 0; i < 300; ++i) moves.push_back({.from = (299 - i) * 1460, .to = i * 1460, .size = 1460});
  gather(at + 77, moves, at + 512 * KiB + 3);
  for (const DeviceMove& move : moves)
    std::copy_n(whole.begin() + 77 + static_cast<std::ptrdiff_t>(move.from), move.size,
                whole.begin() + 512 * KiB + 3 + static_cast<std::ptrdiff_t>(move.to));
  EXPECT_TRUE(read(at, whole.size()) == whole);
}

TEST_P(DeviceApis, GatherOfNothingIsDone) {
  const DeviceAddress at = memory(4096);
  gather(at, {}, at);
  gather(at, std::array{DeviceMove{0, 0, 0}}, at);
}

TEST_P(DeviceApis, GatherThatLeavesItsMemoryIsRefusedAndTheNextIsWell) {
  Bytes source = random_bytes(4096, 7);
  const DeviceAddress from = memory(source), to = memory(4096);
  const auto message = [&](DeviceMove move, std::size_t at) {
    const auto ticket = device_->enqueue_gather(from + at, std::array{DeviceMove{0, 0, 1}, move}, to + at);
    return ticket ? "enqueued" : ticket.error().message();
  };
  const std::string who = "cannot gather on " + device_->describe();
  EXPECT_EQ(message({.from = 4000, .to = 0, .size = 97}, 0),
            who + ": 4097 bytes would be read where the device has 4096 of ours");
  EXPECT_EQ(message({.from = 0, .to = 4000, .size = 97}, 0),
            who + ": 4097 bytes would be written where the device has 4096 of ours");
  EXPECT_EQ(message({.from = 1, .to = 0, .size = 4096}, 1),
            who + ": 4097 bytes would be read where the device has 4095 of ours");
  EXPECT_THAT(message({.from = ~std::uint64_t{0} - 5, .to = 0, .size = 100}, 0), HasSubstr("would be read"));
  const auto nowhere = device_->enqueue_gather(16, std::array{DeviceMove{0, 0, 1}}, to);
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message(), HasSubstr("1 bytes would be read where the device has 0 of ours"));
  expect_gather(source, from, std::array{DeviceMove{0, 0, 4096}}, 4096);
}

TEST_P(DeviceApis, CopiesGathersMovesAndDigestsKeepTheirOrder) {
  Bytes first = random_bytes(100'000, 8), last(100'000);
  const DeviceAddress a = memory(100'000), b = memory(100'000), c = memory(100'000);
  std::array<std::uint32_t, 1> crc{};
  std::vector<DeviceTicket> tickets;
  const auto copy = [&](DeviceCopy::Direction direction, DeviceAddress address, Bytes& bytes) {
    return device_->enqueue(std::array{DeviceCopy{direction, address, bytes.data(), bytes.size()}}).value();
  };
  tickets.push_back(copy(DeviceCopy::Direction::to_device, a, first));
  tickets.push_back(
      device_->enqueue_gather(a, std::array{DeviceMove{1, 0, 99'999}, DeviceMove{0, 99'999, 1}}, b).value());
  tickets.push_back(device_->enqueue_move(b, c, 100'000).value());
  tickets.push_back(device_->enqueue_digest(c, std::array{DeviceRange{0, 100'000}}, crc).value());
  tickets.push_back(copy(DeviceCopy::Direction::to_host, c, last));
  for (const DeviceTicket ticket : {tickets[3], tickets[4], tickets[0], tickets[2], tickets[1]})
    ASSERT_TRUE(device_->wait(ticket));
  std::rotate(first.begin(), first.begin() + 1, first.end());
  EXPECT_TRUE(last == first);
  EXPECT_EQ(crc[0], crc32c_of(first));
}

// Copies of parts of a host's memory to parts of a device's, and what that will then hold.
struct Pieces {
  Bytes host, expected;
  std::vector<DeviceCopy> copies;

  void add(DeviceAddress to, std::size_t from, std::size_t at, std::size_t size) {
    copies.push_back({DeviceCopy::Direction::to_device, to + at, host.data() + from, size});
    std::copy_n(host.begin() + static_cast<std::ptrdiff_t>(from), size,
                expected.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void shuffle(unsigned seed) { std::ranges::shuffle(copies, std::minstd_rand(seed)); }
};

TEST_P(DeviceApis, ThousandsOfSmallCopiesInAnyOrderLandAtEveryMisalignment) {
  Pieces pieces{random_bytes(64 * KiB, 20), random_bytes(8 * MiB, 21), {}};
  const DeviceAddress to = memory(pieces.expected);
  std::size_t at = 0;
  for (const std::size_t size : {1U, 15U, 16U, 17U, 33U, 64U, 1460U, 4096U, 4097U, 12'287U})
    for (std::size_t a = 0; a < 16; ++a)
      for (std::size_t b = 0; b < 16; ++b) {
        pieces.add(to, 1024 + a, at + b, size);
        at = (at + b + size + 16) / 16 * 16;
      }
  pieces.add(to, 3, at + 5, 12'288);  // three that are not small
  pieces.add(to, 1, at + 20'000, 60'000);
  pieces.add(to, 0, pieces.expected.size() - 50'000, 50'000);
  ASSERT_LT(at, 7 * MiB);
  pieces.shuffle(1);
  ASSERT_TRUE(device_->wait(begin(pieces.copies)));
  EXPECT_TRUE(read(to, pieces.expected.size()) == pieces.expected);
}

TEST_P(DeviceApis, SmallCopiesGoToTheEndsOfTheirMemoryAndIntoOther) {
  Pieces pieces{random_bytes(KiB, 22), random_bytes(1001, 23), {}}, others{random_bytes(KiB, 24), Bytes(4096), {}};
  const DeviceAddress to = memory(pieces.expected), elsewhere = memory(others.expected);
  for (std::size_t i = 0; i < 7 * 143; i += 7) pieces.add(to, (i * 5) % 1000, i, 7);
  for (std::size_t i = 0; i < 4000; i += 100) others.add(elsewhere, i % 900, i, 99);
  auto both = pieces.copies;
  both.insert(both.end(), others.copies.begin(), others.copies.end());
  for (int round = 0; round < 2; ++round, std::ranges::reverse(both)) {  // another one's memory comes first
    Bytes zeros(4096);
    write(elsewhere, zeros);
    ASSERT_TRUE(device_->wait(begin(both)));
    EXPECT_TRUE(read(to, 1001) == pieces.expected);
    EXPECT_TRUE(read(elsewhere, 4096) == others.expected);
  }
}

// Rooms for packed copies are used again by then.
TEST_P(DeviceApis, SeveralBatchesOfSmallCopiesAreUnderWayAndEndInAnyOrder) {
  constexpr std::size_t kBatches = 20, kCopies = 200, kSize = 1459;
  Bytes expected(kBatches * kCopies * kSize);
  const DeviceAddress to = memory(expected);
  for (unsigned round = 0; round < 3; ++round) {
    std::vector<Bytes> hosts;
    std::vector<DeviceTicket> tickets;
    for (std::size_t batch = 0; batch < kBatches; ++batch) {
      Pieces pieces{random_bytes(kCopies * kSize, static_cast<unsigned>(100 * round + batch)), expected, {}};
      for (std::size_t i = 0; i < kCopies; ++i)
        pieces.add(to, (i + 1) % kCopies * kSize, (i * kBatches + batch) * kSize, kSize);
      pieces.shuffle(round);
      tickets.push_back(begin(pieces.copies));
      expected = std::move(pieces.expected);
      hosts.push_back(std::move(pieces.host));
    }
    std::ranges::shuffle(tickets, std::minstd_rand(round));
    for (const DeviceTicket ticket : tickets) ASSERT_TRUE(device_->wait(ticket));
    EXPECT_TRUE(read(to, expected.size()) == expected) << round;
  }
}

TEST_P(DeviceApis, SmallCopiesOfMoreBytesThanArePackedLandAll) {
  constexpr std::size_t kCopies = 3000, kSize = 4093;  // 12 MB
  Pieces pieces{random_bytes(kCopies * kSize, 25), Bytes(kCopies * (kSize + 3)), {}};
  const DeviceAddress to = memory(pieces.expected);
  for (std::size_t i = 0; i < kCopies; ++i) pieces.add(to, (kCopies - 1 - i) * kSize, i * (kSize + 3), kSize);
  pieces.shuffle(2);
  ASSERT_TRUE(device_->wait(begin(pieces.copies)));
  EXPECT_TRUE(read(to, pieces.expected.size()) == pieces.expected);
}

TEST_P(DeviceApis, SmallCopiesKeepTheirOrderAmongOthers) {
  constexpr std::size_t kSize = 100 * 64;
  Pieces first{random_bytes(kSize, 26), Bytes(kSize), {}}, second{random_bytes(kSize, 27), Bytes(kSize), {}};
  const DeviceAddress a = memory(first.expected), b = memory(second.expected);
  for (std::size_t i = 0; i < 100; ++i) first.add(a, (99 - i) * 64, i * 64, 64);
  for (std::size_t i = 0; i < 100; ++i) second.add(a, (i * 7 % 100) * 64, i * 64, 64);
  std::array<std::uint32_t, 1> crc{};
  const std::array tickets = {
      begin(first.copies), device_->enqueue_gather(a, std::array{DeviceMove{0, 0, kSize}}, b).value(),
      begin(second.copies), device_->enqueue_digest(a, std::array{DeviceRange{0, kSize}}, crc).value()};
  for (const DeviceTicket ticket : tickets) ASSERT_TRUE(device_->wait(ticket));
  EXPECT_TRUE(read(b, kSize) == first.expected);
  EXPECT_TRUE(read(a, kSize) == second.expected);
  EXPECT_EQ(crc[0], crc32c_of(second.expected));
}

TEST_P(DeviceApis, OfSmallCopiesToOnePlaceTheLastOneStays) {
  Pieces pieces{random_bytes(64 * KiB, 28), Bytes(8192), {}};
  const DeviceAddress to = memory(pieces.expected);
  std::minstd_rand random(3);
  for (std::size_t i = 0; i < 500; ++i) pieces.add(to, random() % 60'000, random() % 8000, 1 + random() % 190);
  ASSERT_TRUE(device_->wait(begin(pieces.copies)));
  EXPECT_TRUE(read(to, 8192) == pieces.expected);
}

TEST_P(DeviceApis, SmallCopiesTakeWhatACopyUnderWayBringsToTheHost) {
  constexpr std::size_t kSize = 100 * 64;
  Bytes there = random_bytes(kSize, 29);
  Pieces pieces{there, Bytes(kSize), {}};
  const DeviceAddress from = memory(there), to = memory(pieces.expected);
  for (std::size_t i = 0; i < 100; ++i) pieces.add(to, (99 - i) * 64, i * 64, 64);
  std::ranges::fill(pieces.host, std::byte{});
  const auto brought = begin(std::array{DeviceCopy{DeviceCopy::Direction::to_host, from, pieces.host.data(), kSize}});
  const auto taken = begin(pieces.copies);
  ASSERT_TRUE(device_->wait(taken));
  ASSERT_TRUE(device_->wait(brought));
  EXPECT_TRUE(read(to, kSize) == pieces.expected);
}

TEST_P(DeviceApis, MoveCopiesAtAnyAlignmentAndNothingElse) {
  Bytes source = random_bytes(10'000, 9), expected = random_bytes(10'000, 10);
  const DeviceAddress from = memory(source), to = memory(expected);
  ASSERT_TRUE(device_->wait(device_->enqueue_move(from + 3, to + 5, 9001).value()));
  std::copy_n(source.begin() + 3, 9001, expected.begin() + 5);
  EXPECT_TRUE(read(to, expected.size()) == expected);
  ASSERT_TRUE(device_->wait(device_->enqueue_move(from, to, 0).value()));
  const auto beyond = device_->enqueue_move(from + 1, to, 10'000);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().message(),
            "cannot copy on " + device_->describe() + ": 10000 bytes would be read where the device has 9999 of ours");
  EXPECT_FALSE(device_->enqueue_move(from, to + 1, 10'000));
}

TEST_P(DeviceApis, DigestIsTheCrc32cOfItsRange) {
  Bytes bytes = random_bytes(300'000, 11);
  const DeviceAddress at = memory(bytes);
  std::vector<DeviceRange> ranges;
  for (const std::size_t size : {0U,   1U,   2U,   3U,   15U,  16U,   17U,   63U,   64U,   65U,     127U,
                                 128U, 129U, 255U, 256U, 257U, 1460U, 4095U, 4096U, 4097U, 40'000U, 100'000U})
    for (std::size_t offset = 0; offset < 17; ++offset) ranges.push_back({1000 + offset, size});
  const auto crcs = digest(at, ranges);
  for (std::size_t i = 0; i < ranges.size(); ++i)
    EXPECT_EQ(crcs[i], crc32c_of(std::span(bytes).subspan(ranges[i].offset, ranges[i].size)))
        << ranges[i].offset << " " << ranges[i].size;
}

TEST_P(DeviceApis, DigestOfTheRfcsExamples) {
  Bytes bytes(32 + 32 + 32 + 9);
  std::fill_n(bytes.begin() + 32, 32, std::byte{0xff});
  for (std::size_t i = 0; i < 32; ++i) bytes[64 + i] = static_cast<std::byte>(i);
  for (std::size_t i = 0; i < 9; ++i) bytes[96 + i] = static_cast<std::byte>('1' + i);
  const DeviceAddress at = memory(bytes);
  EXPECT_THAT(digest(at, std::array{DeviceRange{0, 32}, DeviceRange{32, 32}, DeviceRange{64, 32}, DeviceRange{96, 9}}),
              testing::ElementsAre(0x8a9136aa, 0x62a8ab43, 0x46dd794e, 0xe3069283));
}

TEST_P(DeviceApis, DigestTakesThousandsOfRangesAndLargeOnes) {
  Bytes bytes = random_bytes(9 * MiB + 13, 12);
  const DeviceAddress at = memory(bytes);
  std::vector<DeviceRange> ranges = {{0, bytes.size()}, {13, 9 * MiB}};
  for (std::size_t i = 0; i < 3000; ++i) ranges.push_back({i * 1460 % MiB, i % 3000});
  const auto crcs = digest(at + 0, ranges);
  for (std::size_t i = 0; i < ranges.size(); ++i)
    ASSERT_EQ(crcs[i], crc32c_of(std::span(bytes).subspan(ranges[i].offset, ranges[i].size))) << i;
}

TEST_P(DeviceApis, DigestThatLeavesItsMemoryIsRefused) {
  const DeviceAddress at = memory(4096);
  std::array<std::uint32_t, 1> crc{};
  const auto ticket = device_->enqueue_digest(at, std::array{DeviceRange{1, 4096}}, crc);
  ASSERT_FALSE(ticket);
  EXPECT_EQ(ticket.error().message(), "cannot compute digests on " + device_->describe() +
                                          ": 4097 bytes would be read where the device has 4096 of ours");
  EXPECT_TRUE(digest(at, {}).empty());
}

TEST_P(DeviceApis, PollTellsOnceThatALaunchIsDone) {
  Bytes bytes = random_bytes(MiB, 13);
  const DeviceAddress at = memory(bytes), to = memory(MiB);
  std::array<std::uint32_t, 1> crc{};
  const auto gathered = device_->enqueue_gather(at, std::array{DeviceMove{0, 0, MiB}}, to).value();
  const auto digested = device_->enqueue_digest(to, std::array{DeviceRange{0, MiB}}, crc).value();
  ASSERT_TRUE(device_->wait(device_->enqueue({}).value()));
  for (const DeviceTicket ticket : {digested, gathered}) {
    Result<bool> done = false;
    while (done && !*done) done = device_->poll(ticket);
    ASSERT_TRUE(done) << done.error().message();
  }
  EXPECT_EQ(crc[0], crc32c_of(bytes));
}

}  // namespace
}  // namespace netmem
