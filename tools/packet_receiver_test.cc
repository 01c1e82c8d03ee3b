#include "tools/packet_receiver.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "netmem/base/units.h"
#include "netmem/providers/gpu/gpu.h"
#include "netmem/providers/mapped/device.h"
#include "tests/support/fake_device.h"
#include "tests/support/fake_packet_port.h"
#include "tests/support/frames.h"
#include "tests/support/packets.h"
#include "tests/support/test_provider.h"

namespace netmem::tool {
namespace {

using namespace frames;

// Payload in device memory that the CPU cannot read, as with header split.
class PacketReceiverTest : public testing::Test {
 protected:
  PacketReceiverTest() {
    std::string name = testing::TempDir() + "netmem-packets-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~PacketReceiverTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (directory_ / name).string(); }
  static std::string contents(const std::string& name) {
    std::stringstream text;
    text << std::ifstream(name).rdbuf();
    return text.str();
  }
  static std::string text_of(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  static Bytes datagram(const Bytes& payload) {
    return ethernet(kIpv4) + ipv4(kUdp, 8 + payload.size()) + udp(payload.size()) + payload;
  }
  Packet packet(const Bytes& frame, PagePool& payload, std::size_t most = 4000) {
    return packet_in_pages(frame, *frames_, payload, most);
  }
  static std::string digest_of(const std::string& text, DigestKind kind = DigestKind::xxh3) {
    const auto digest = make_digest(kind);
    digest->update(std::as_bytes(std::span(text)));
    return digest->hex();
  }
  CopyEngine* engine() { return &payload_->provider().copy_engine(); }

  std::filesystem::path directory_;
  PagePoolPtr frames_ = PagePool::create(TestProvider::create(1024), {.name = "frames"}).value();
  PagePoolPtr payload_ =
      PagePool::create(make_memfd_provider({.size = 8 * MiB}).value(), {.name = "payload", .allow_unreadable = true})
          .value();
  FakePacketPort port_;
  PacketQuota everything_{std::optional<std::uint64_t>()};
};

TEST_F(PacketReceiverTest, DigestsAndWritesPayloadInTheOrderOfArrival) {
  SharedOutput output(Output::file(path("out")).value());
  PacketReceiver receiver({DigestKind::xxh3, &output, nullptr, &everything_, engine()});
  std::string all;
  for (std::size_t round = 0; round < 3; ++round) {
    std::vector<Packet> packets;
    for (std::size_t size = 0; size < 40; ++size) {
      Bytes payload = filled(size * 7);
      payload.push_back(static_cast<std::byte>(round));
      packets.push_back(packet(datagram(payload), size % 3 == 0 ? *frames_ : *payload_, 50));
      all += text_of(payload);
    }
    ASSERT_TRUE(receiver.process(port_, packets));
    drop(packets);
  }
  ASSERT_TRUE(receiver.finish(port_));
  ASSERT_TRUE(output.finish());
  EXPECT_EQ(contents(path("out")), all);
  EXPECT_EQ(receiver.digest(), digest_of(all));
  EXPECT_EQ(receiver.counts().packets, 120U);
  EXPECT_EQ(receiver.counts().bytes, all.size());
  EXPECT_EQ(receiver.counts().frame_bytes, all.size() + 120 * 42);
}

TEST_F(PacketReceiverTest, Crc32cAloneIsComputedInThePages) {
  PacketReceiver receiver({DigestKind::crc32c, nullptr, nullptr, &everything_, engine()});
  std::string all;
  for (std::size_t round = 0; round < 3; ++round) {
    std::vector<Packet> packets;
    for (std::size_t size = 0; size < 40; ++size) {
      Bytes payload = filled(size * 97);
      payload.push_back(static_cast<std::byte>(round));
      packets.push_back(packet(datagram(payload), size % 3 == 0 ? *frames_ : *payload_, 1000));
      all += text_of(payload);
    }
    ASSERT_TRUE(receiver.process(port_, packets));
  }
  ASSERT_TRUE(receiver.finish(port_));
  EXPECT_EQ(receiver.digest(), digest_of(all, DigestKind::crc32c));
  EXPECT_FALSE(receiver.digest_on_device());
}

TEST_F(PacketReceiverTest, Crc32cOfAGpusMemoryIsComputedThere) {
  const auto device = std::make_shared<FakeDevice>();
  const auto gpu =
      PagePool::create(make_gpu_provider(device, {.size = 64 * KiB}).value(), {.allow_unreadable = true}).value();
  PacketReceiver receiver({DigestKind::crc32c, nullptr, nullptr, &everything_, &gpu->provider().copy_engine()});
  const Bytes payload = filled(3000);
  std::vector<Packet> packets;
  packets.push_back(packet(datagram(payload), *gpu, 1000));
  const std::size_t copies = device->batches.size();
  ASSERT_TRUE(receiver.process(port_, packets));
  EXPECT_EQ(receiver.digest(), digest_of(text_of(payload), DigestKind::crc32c));
  EXPECT_TRUE(receiver.digest_on_device());
  EXPECT_EQ(device->batches.size(), copies) << "nothing is copied out";
}

TEST_F(PacketReceiverTest, Crc32cAndAnOutputGoTogether) {
  SharedOutput output(Output::file(path("out")).value());
  PacketReceiver receiver({DigestKind::crc32c, &output, nullptr, &everything_, engine()});
  const Bytes payload = filled(3000);
  std::vector<Packet> packets;
  packets.push_back(packet(datagram(payload), *payload_, 1000));
  ASSERT_TRUE(receiver.process(port_, packets));
  ASSERT_TRUE(receiver.finish(port_));
  ASSERT_TRUE(output.finish());
  EXPECT_EQ(contents(path("out")), text_of(payload));
  EXPECT_EQ(receiver.digest(), digest_of(text_of(payload), DigestKind::crc32c));
}

TEST_F(PacketReceiverTest, OneBatchMayHaveMoreThanTheWindow) {
  PacketReceiver receiver({DigestKind::xxh3, nullptr, nullptr, &everything_, engine()});
  std::string all;
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < 19; ++i) {
    const Bytes payload = filled(60000 + i);
    packets.push_back(packet(datagram(payload), *payload_));
    all += text_of(payload);
  }
  ASSERT_GT(all.size(), PacketReceiver::kWindow);
  ASSERT_TRUE(receiver.process(port_, packets));
  ASSERT_TRUE(receiver.finish(port_));
  EXPECT_EQ(receiver.digest(), digest_of(all));
}

TEST_F(PacketReceiverTest, TakesNoMoreThanItWasAskedFor) {
  PacketQuota three(3);
  PacketReceiver receiver({DigestKind::xxh3, nullptr, nullptr, &three, engine()});
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < 5; ++i)
    packets.push_back(packet(datagram(Bytes{'a' + static_cast<unsigned>(i)}), *payload_));
  ASSERT_TRUE(receiver.process(port_, packets));
  EXPECT_EQ(receiver.digest(), digest_of("abc"));
  EXPECT_EQ(receiver.counts().packets, 3U);
  EXPECT_EQ(receiver.counts().beyond_count, 2U);
}

TEST_F(PacketReceiverTest, CapturesWholeFramesWhereverTheirPartsAre) {
  auto capture = CaptureFile::create(path("capture"), "eth0").value();
  PacketReceiver receiver({DigestKind::none, nullptr, &capture, &everything_, engine()});
  const Bytes first = datagram(filled(9001)), second = ethernet(kArp) + filled(28);
  std::vector<Packet> packets;
  packets.push_back(packet(first, *payload_, 1000));
  packets.push_back(packet(second, *payload_));
  ASSERT_TRUE(receiver.process(port_, packets));
  ASSERT_TRUE(capture.finish());
  const std::string file = contents(path("capture"));
  const std::size_t at = file.find(text_of(first));
  ASSERT_NE(at, std::string::npos);
  EXPECT_NE(file.find(text_of(second), at + first.size()), std::string::npos);
}

TEST_F(PacketReceiverTest, SaysThatTheDiskIsFull) {
  SharedOutput output(Output::file("/dev/full").value());
  PacketReceiver receiver({DigestKind::none, &output, nullptr, &everything_, engine()});
  std::vector<Packet> packets;
  packets.push_back(packet(datagram(filled(100)), *payload_));
  const Result<void> processed = receiver.process(port_, packets);
  ASSERT_FALSE(processed);
  EXPECT_NE(processed.error().message().find("No space left on device"), std::string::npos);
}

}  // namespace
}  // namespace netmem::tool
