#include "netmem/base/units.h"

#include <gtest/gtest.h>

namespace netmem {
namespace {

TEST(Units, SizesAreReadWithBinaryUnits) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("4096").value(), 4096u);
  EXPECT_EQ(parse_size("4K").value(), 4096u);
  EXPECT_EQ(parse_size("4k").value(), 4096u);
  EXPECT_EQ(parse_size("256M").value(), 256 * MiB);
  EXPECT_EQ(parse_size("256MiB").value(), 256 * MiB);
  EXPECT_EQ(parse_size("1GB").value(), GiB);
  EXPECT_EQ(parse_size("7B").value(), 7u);
}

TEST(Units, WhatIsNoSizeIsRefusedWithTheReason) {
  for (const char* text : {"", "K", "-1", "1.5M", "1X", "1Mi", "4 K", "99999999999999999999", "9007199254740992K"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_NE(size.error().message().find("cannot read \"" + std::string(text) + "\" as a size: "), std::string::npos);
  }
}

TEST(Units, SizesAreWrittenForPeople) {
  EXPECT_EQ(format_size(17), "17 B");
  EXPECT_EQ(format_size(4096), "4 KiB");
  EXPECT_EQ(format_size(256 * MiB), "256 MiB");
  EXPECT_EQ(format_size(1536 * KiB), "1.5 MiB");
  EXPECT_EQ(format_size(MiB - 1), "1.0 MiB");
  EXPECT_EQ(format_size(UINT64_MAX >> 1), "8388608.0 TiB");  // with a point: about
}

TEST(Units, TimesAreReadWithTheirUnitsAndSecondsWithout) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_duration("30").value(), milliseconds(30'000));
  EXPECT_EQ(parse_duration("30s").value(), milliseconds(30'000));
  EXPECT_EQ(parse_duration("500ms").value(), milliseconds(500));
  EXPECT_EQ(parse_duration("5m").value(), milliseconds(300'000));
  EXPECT_EQ(parse_duration("5min").value(), milliseconds(300'000));
  EXPECT_EQ(parse_duration("500h").value(), milliseconds(1'800'000'000));
}

TEST(Units, WhatIsNoTimeIsRefusedWithTheReason) {
  for (const char* text : {"", "s", "0", "0ms", "-1", "1.5s", "5 s", "5d", "501h", "99999999999999999999", "5s5"}) {
    const auto time = parse_duration(text);
    ASSERT_FALSE(time) << text;
    EXPECT_NE(time.error().message().find("cannot read \"" + std::string(text) + "\" as a time: "), std::string::npos);
  }
}

TEST(Units, TimesAreWrittenForPeople) {
  using std::chrono::milliseconds;
  EXPECT_EQ(format_duration(milliseconds(0)), "0 ms");
  EXPECT_EQ(format_duration(milliseconds(999)), "999 ms");
  EXPECT_EQ(format_duration(milliseconds(1500)), "1.5 s");
  EXPECT_EQ(format_duration(milliseconds(90'000)), "90 s");
  EXPECT_EQ(format_duration(milliseconds(300'000)), "5 min");
  EXPECT_EQ(format_duration(milliseconds(7'200'000)), "2 h");
}

}  // namespace
}  // namespace netmem
