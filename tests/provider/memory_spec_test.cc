#include "netmem/providers/spec/memory_spec.h"

#include <gtest/gtest.h>

#include "netmem/base/units.h"

namespace netmem {
namespace {

TEST(MemorySpec, KindAndSizeAreRead) {
  for (const char* kind : {"memfd", "udmabuf", "opencl", "host", "huge", "huge_split", "huge_1g"}) {
    const auto spec = parse_memory_spec(std::string(kind) + ":256M");
    ASSERT_TRUE(spec) << spec.error().message();
    EXPECT_EQ(spec->kind, kind);
    EXPECT_EQ(spec->size, 256 * MiB);
    EXPECT_EQ(spec->platform, -1);
    EXPECT_EQ(spec->device, -1);
  }
}

TEST(MemorySpec, AGpuOfCudaIsNumbered) {
  const auto spec = parse_memory_spec("cuda:7:1G");
  ASSERT_TRUE(spec) << spec.error().message();
  EXPECT_EQ(spec->kind, "cuda");
  EXPECT_EQ(spec->platform, -1);
  EXPECT_EQ(spec->device, 7);
  EXPECT_EQ(spec->size, GiB);
}

TEST(MemorySpec, ADeviceOfOpenClIsNumbered) {
  const auto spec = parse_memory_spec("opencl:12.999:1G");
  ASSERT_TRUE(spec) << spec.error().message();
  EXPECT_EQ(spec->kind, "opencl");
  EXPECT_EQ(spec->platform, 12);
  EXPECT_EQ(spec->device, 999);
  EXPECT_EQ(spec->size, GiB);
}

TEST(MemorySpec, WhatIsNoMemoryIsRefusedWithTheKnownKinds) {
  for (const char* text : {"",
                           ":",
                           "memfd",
                           "memfd:",
                           "memfd:0",
                           "memfd:x",
                           "memfd:-1",
                           "memfd:4K:4K",
                           "Memfd:4K",
                           "memfd :4K",
                           "gpu:4K",
                           "memfd:0.0:4K",
                           "opencl:0:4K",
                           "opencl:0.:4K",
                           "opencl:.0:4K",
                           "opencl::4K",
                           "cuda:4K",
                           "cuda:0",
                           "cuda:0:0",
                           "cuda::4K",
                           "cuda:0.0:4K",
                           "cuda:-1:4K",
                           "cuda:1000:4K",
                           "opencl:0.0:",
                           "opencl:0.0:0",
                           "opencl:-1.0:4K",
                           "opencl:+1.0:4K",
                           "opencl:0.0.0:4K",
                           "opencl:1000.0:4K",
                           "opencl: 0.0:4K",
                           "opencl:0.0:4K:4K",
                           "memfd:99999999999999999999",
                           "4096",
                           "\n\033[2J:1"}) {
    const auto spec = parse_memory_spec(text);
    ASSERT_FALSE(spec) << text;
    const std::string message = spec.error().message();
    EXPECT_NE(message.find("the kinds are memfd, udmabuf, opencl, cuda, host, huge, huge_split, huge_1g"),
              std::string::npos)
        << message;
    for (const char c : message) EXPECT_TRUE(c >= ' ' && c <= '~') << message;
  }
}

TEST(MemorySpec, ALongTextIsCutInTheMessage) {
  EXPECT_LT(parse_memory_spec(std::string(100'000, 'x')).error().message().size(), 300u);
}

TEST(MemorySpec, MakesTheProviderThatItNames) {
  for (const char* kind : {"memfd", "host", "huge_split"}) {
    const auto provider = make_provider(std::string(kind) + ":4M", 64 * KiB);
    ASSERT_TRUE(provider) << provider.error().message();
    EXPECT_EQ((*provider)->name(), kind);
    EXPECT_EQ((*provider)->page_size(), 64 * KiB);
  }
}

TEST(MemorySpec, ErrorsOfProvidersComeThrough) {
  EXPECT_FALSE(make_provider("memfd:4K", 3000));
  EXPECT_FALSE(make_provider("host:4K", 8192));
  EXPECT_FALSE(make_provider("huge:1M", 4096));
  EXPECT_FALSE(make_provider(MemorySpec{"gpu", 4096}, 4096));
  for (const char* kind : {"memfd", "udmabuf", "opencl", "host", "huge", "huge_split", "huge_1g"})
    EXPECT_FALSE(make_provider(std::string(kind) + ":4194303T", 4096)) << kind;
}

}  // namespace
}  // namespace netmem
