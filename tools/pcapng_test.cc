#include "tools/pcapng.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace netmem::tool {
namespace {

class CaptureTest : public testing::Test {
 protected:
  CaptureTest() {
    std::string name = testing::TempDir() + "netmem-capture-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~CaptureTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path() const { return (directory_ / "capture.pcapng").string(); }
  [[nodiscard]] std::string contents() const {
    std::stringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }
  // A UDP datagram over IPv4 from 10.0.0.1:7 to 10.0.0.2:9 with these bytes.
  static std::string frame(std::string_view payload) {
    std::string bytes(
        "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0\0\0\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02\0\x07\0\x09"
        "\0\0\0\0",
        42);
    bytes[17] = static_cast<char>(28 + payload.size());
    bytes[39] = static_cast<char>(8 + payload.size());
    return bytes.append(payload);
  }
  static void add(CaptureBuffer& buffer, const std::string& bytes, std::uint64_t time, std::uint32_t queue) {
    const auto room = buffer.add({time, queue, static_cast<std::uint32_t>(bytes.size())});
    ASSERT_EQ(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
  }
  void write_two() const {
    auto file = CaptureFile::create(path(), "eth7");
    ASSERT_TRUE(file) << file.error().message();
    CaptureBuffer buffer(*file);
    add(buffer, frame("abcde"), 1'700'000'000'123'456'789, 3);
    add(buffer, frame(""), 1'700'000'001'000'000'001, 0);
    ASSERT_TRUE(buffer.flush());
    ASSERT_TRUE(file->finish());
  }

  std::filesystem::path directory_;
};

std::uint32_t word(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

TEST_F(CaptureTest, HasTheBlocksOfTheStandardByteForByte) {
  write_two();
  const std::string bytes = contents();
  EXPECT_EQ(word(bytes, 0), 0x0a0d0d0aU);
  EXPECT_EQ(word(bytes, 8), 0x1a2b3c4dU);
  EXPECT_EQ(word(bytes, 12), 1U);  // version 1.0
  std::size_t at = word(bytes, 4);
  EXPECT_EQ(word(bytes, at), 1U);
  EXPECT_EQ(word(bytes, at + 8), 1U);  // Ethernet
  EXPECT_EQ(bytes.substr(at + 16, 8), std::string("\x02\0\x04\0eth7", 8));
  EXPECT_EQ(bytes.substr(at + 24, 8), std::string("\x09\0\x01\0\x09\0\0\0", 8));
  at += word(bytes, at + 4);
  EXPECT_EQ(word(bytes, at), 6U);
  EXPECT_EQ(word(bytes, at + 4), 8U + 20 + 48 + 20 + 4);
  EXPECT_EQ(std::uint64_t{word(bytes, at + 12)} << 32 | word(bytes, at + 16), 1'700'000'000'123'456'789U);
  EXPECT_EQ(word(bytes, at + 20), 47U);
  EXPECT_EQ(word(bytes, at + 24), 47U);
  EXPECT_EQ(bytes.substr(at + 28, 48), frame("abcde") + std::string(1, '\0'));
  EXPECT_EQ(bytes.substr(at + 76, 20), std::string("\x02\0\x04\0\x01\0\0\0\x06\0\x04\0\x03\0\0\0\0\0\0\0", 20));
  EXPECT_EQ(word(bytes, at + 96), word(bytes, at + 4));
}

TEST_F(CaptureTest, EveryBlockBeginsAndEndsWithItsLength) {
  write_two();
  const std::string bytes = contents();
  std::size_t blocks = 0;
  for (std::size_t at = 0; at < bytes.size(); ++blocks) {
    const std::uint32_t length = word(bytes, at + 4);
    ASSERT_EQ(length % 4, 0U);
    ASSERT_LE(at + length, bytes.size());
    ASSERT_EQ(word(bytes, at + length - 4), length);
    at += length;
  }
  EXPECT_EQ(blocks, 4U);
}

TEST_F(CaptureTest, RefusesNothingUntilItIsFull) {
  auto file = CaptureFile::create(path(), "eth7");
  ASSERT_TRUE(file);
  CaptureBuffer buffer(*file);
  const std::string bytes(9000, 'x');
  std::size_t frames = 0;
  for (; buffer.has_room(bytes.size()); ++frames) add(buffer, bytes, frames, 0);
  EXPECT_EQ(frames, CaptureBuffer::kSize / 9052);
  ASSERT_TRUE(buffer.flush());
  EXPECT_TRUE(buffer.has_room(65535));
}

TEST_F(CaptureTest, AppearsUnderItsNameOnlyWhenFinished) {
  auto file = CaptureFile::create(path(), "eth7");
  ASSERT_TRUE(file);
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_TRUE(file->finish());
  EXPECT_TRUE(std::filesystem::exists(path()));
}

// What another program reads out of the file.
std::string ask(const std::string& command) {
  std::string text;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot run " + command;
  std::array<char, 4096> part{};
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), count);
  ::pclose(pipe);
  return text;
}

TEST_F(CaptureTest, TsharkReadsWhatWasWritten) {
  if (ask("command -v tshark").empty()) GTEST_SKIP() << "tshark is not installed";
  write_two();
  EXPECT_EQ(ask("tshark -r " + path() +
                " -T fields -e frame.time_epoch -e frame.len -e frame.interface_name -e frame.packet_flags_direction"
                " -e ip.src -e udp.dstport -e udp.length 2>/dev/null"),
            "1700000000.123456789\t47\teth7\t0x00000001\t10.0.0.1\t9\t13\n"
            "1700000001.000000001\t42\teth7\t0x00000001\t10.0.0.1\t9\t8\n");
}

TEST_F(CaptureTest, CapinfosFindsNothingWrong) {
  if (ask("command -v capinfos").empty()) GTEST_SKIP() << "capinfos is not installed";
  write_two();
  const std::string text = ask("capinfos " + path());
  EXPECT_NE(text.find("Wireshark/... - pcapng"), std::string::npos) << text;
  EXPECT_NE(text.find("Number of packets:   2"), std::string::npos) << text;
  EXPECT_NE(text.find("nanosecond"), std::string::npos) << text;
}

}  // namespace
}  // namespace netmem::tool
