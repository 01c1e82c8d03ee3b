#include "netmem/providers/mapped/device.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>

#include "netmem/base/units.h"
#include "netmem/core/page.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/mapped/device_copy_engine.h"
#include "tests/provider/conformance.h"

namespace netmem {
namespace {

Result<std::shared_ptr<void>> dmabufs() {
  if (::access("/dev/udmabuf", R_OK | W_OK) != 0) return system_error("use /dev/udmabuf");
  return std::shared_ptr<void>();
}
// A dma-buf of `size` bytes that somebody else exported; the provider of it is gone.
Result<Fd> foreign_dmabuf(std::size_t size) {
  auto exporter = make_udmabuf_provider({.size = size});
  if (!exporter) return std::unexpected(exporter.error());
  return Fd(::fcntl((*exporter)->dmabuf_fd(), F_DUPFD_CLOEXEC, 0));
}

INSTANTIATE_TEST_SUITE_P(Memfd, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                           return make_memfd_provider(
                               {.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
                         }}));
INSTANTIATE_TEST_SUITE_P(Udmabuf, Conformance,
                         testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                                                        return make_udmabuf_provider({.size = wanted.size,
                                                                                      .page_size = wanted.page_size,
                                                                                      .dma = wanted.dma});
                                                      },
                                                      .needs = dmabufs}));
INSTANTIATE_TEST_SUITE_P(Dmabuf, Conformance,
                         testing::Values(ProviderCase{
                             .make = [](const Wanted& wanted) -> Made {
                               if (wanted.size == 0) return refused("make a dmabuf provider", "size 0 is all", "-");
                               auto dmabuf = foreign_dmabuf(std::max<std::size_t>(wanted.size, 4096));
                               if (!dmabuf) return std::unexpected(dmabuf.error());
                               return make_dmabuf_provider(
                                   std::move(*dmabuf),
                                   {.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
                             },
                             .needs = dmabufs}));

TEST(DeviceMemory, OptionsOfHostMemoryAreRefusedByName) {
  const auto refusal = [](const DeviceOptions& options) {
    const auto made = make_memfd_provider(options);
    return made ? std::string("made") : made.error().message();
  };
  EXPECT_EQ(refusal({.size = 4096, .numa_node = 0}),
            "cannot make a memfd provider: option numa_node makes no sense for device memory; leave it out");
  EXPECT_EQ(refusal({.size = 4096, .populate = true}),
            "cannot make a memfd provider: option populate makes no sense for device memory; leave it out");
  const auto udmabuf = make_udmabuf_provider({.size = 4096, .readable_view = true});
  ASSERT_FALSE(udmabuf);
  EXPECT_NE(udmabuf.error().message().find("option readable_view makes no sense for a dma-buf"), std::string::npos);
  const auto dmabuf = make_dmabuf_provider(Fd(::dup(0)), {.readable_view = true});
  ASSERT_FALSE(dmabuf);
  EXPECT_NE(dmabuf.error().message().find("option readable_view makes no sense for a dma-buf"), std::string::npos);
}

TEST(DeviceMemory, AReadableViewShowsTheBytesButTakesNone) {
  const auto provider = make_memfd_provider({.size = 64 * KiB, .readable_view = true}).value();
  EXPECT_EQ(provider->dmabuf_fd(), -1);
  const std::vector<Netmem> pages = grant_all(*provider);
  const std::byte bytes[] = {std::byte{1}, std::byte{2}};
  ASSERT_TRUE(provider->copy_engine().copy_in(std::vector<CopyIn>{{pages[3], 9, bytes}}));
  auto* view = reinterpret_cast<volatile std::byte*>(NetIov(pages[3]).device_address());
  EXPECT_TRUE(view[9] == bytes[0]);
  EXPECT_TRUE(view[10] == bytes[1]);
  EXPECT_DEATH(view[9] = bytes[1], "");
  reclaim_all(*provider, pages);
}

TEST(DeviceMemory, EnginesRefusePagesOfOtherMemory) {
  const auto memfd = make_memfd_provider({.size = 4096}).value();
  const auto other = make_memfd_provider({.size = 4096}).value();
  const auto host = make_host_provider({.size = 4096}).value();
  const Netmem device_page = grant_all(*memfd)[0];
  const Netmem other_page = grant_all(*other)[0];
  const Netmem host_page = grant_all(*host)[0];
  std::byte byte{};
  for (const Netmem page : {other_page, host_page}) {
    EXPECT_FALSE(memfd->copy_engine().copy_in(std::vector<CopyIn>{{page, 0, {&byte, 1}}}));
    EXPECT_FALSE(memfd->copy_engine().copy_out(std::vector<CopyOut>{{{&byte, 1}, page, 0}}));
  }
  const auto refusal = host->copy_engine().copy_out(std::vector<CopyOut>{{{&byte, 1}, device_page, 0}});
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().message(),
            "cannot copy out of a page: page 0 of memfd:4 KiB is not in host memory; use the copy engine of the page's "
            "own provider");
}

TEST(DeviceMemory, AnEngineWithoutAWindowRefusesByName) {
  const auto provider = make_memfd_provider({.size = 4096}).value();
  const Netmem page = grant_all(*provider)[0];
  DeviceCopyEngine engine(page.region(), nullptr, -1);
  std::byte byte{};
  const auto refusal = engine.copy_in(std::vector<CopyIn>{{page, 0, {&byte, 1}}});
  ASSERT_FALSE(refusal);
  EXPECT_EQ(
      refusal.error().message(),
      "cannot copy into device memory: the exporter of memfd:4 KiB lets the CPU map nothing; use a copy engine of "
      "that device");
}

TEST(DeviceMemory, AnEngineWhoseDmabufCannotBeSyncedSaysSo) {
  const auto provider = make_memfd_provider({.size = 4096}).value();
  const Netmem page = grant_all(*provider)[0];
  const Fd no_dmabuf(::memfd_create("test", MFD_CLOEXEC));
  DeviceCopyEngine engine(page.region(), page.region().io_window(page), no_dmabuf.get());
  std::byte byte{};
  const auto refusal = engine.copy_out(std::vector<CopyOut>{{{&byte, 1}, page, 0}});
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().code, ENOTTY);
}

TEST(DeviceMemory, MemfdMemoryCannotBeShrunkUnderItsPages) {
  const auto provider = make_memfd_provider({.size = 64 * KiB}).value();
  // Found through the mapping, as any process that gets hold of the file would.
  bool found = false;
  for (int fd = 3; fd < 256; ++fd) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) continue;
    found = true;
    EXPECT_NE(::ftruncate(fd, 0), 0);
  }
  EXPECT_TRUE(found);
}

TEST(DeviceMemory, WithoutUdmabufTheErrorSaysWhatToDo) {
  if (dmabufs()) GTEST_SKIP() << "this kernel has /dev/udmabuf";
  const auto made = make_udmabuf_provider({.size = 64 * KiB});
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message().starts_with("cannot make a udmabuf of 64 KiB (open /dev/udmabuf): "));
  EXPECT_NE(made.error().message().find("or use memfd"), std::string::npos) << made.error().message();
}

TEST(DeviceMemory, WhatIsNoDmabufIsRefused) {
  const auto refusal = [](Fd fd) { return make_dmabuf_provider(std::move(fd)).error().message(); };
  EXPECT_EQ(refusal(Fd()), "cannot use a dma-buf: there is no file descriptor");
  Fd memfd(::memfd_create("test", MFD_CLOEXEC));
  const std::string number = std::to_string(memfd.get());
  EXPECT_EQ(refusal(std::move(memfd)), "cannot use a dma-buf: file descriptor " + number +
                                           " is no dma-buf; pass what the exporter of the device's memory gave");
}

TEST(Udmabuf, MoreThanTheKernelsLimitNamesTheLimit) {
  if (const auto need = dmabufs(); !need) GTEST_SKIP() << need.error().message();
  const char* const file = "/sys/module/udmabuf/parameters/size_limit_mb";
  std::string before;
  std::ifstream(file) >> before;
  if (!(std::ofstream(file) << 16 << std::flush)) GTEST_SKIP() << "cannot write " << file << ": run as root";
  const auto made = make_udmabuf_provider({.size = 17 * MiB});
  std::ofstream(file) << before << std::flush;
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("size_limit_mb (now 16)"), std::string::npos) << made.error().message();
}

TEST(Udmabuf, IsADmabufWhoseSizeTheKernelTells) {
  if (const auto need = dmabufs(); !need) GTEST_SKIP() << need.error().message();
  auto dmabuf = foreign_dmabuf(100'000);
  ASSERT_TRUE(dmabuf) << dmabuf.error().message();
  const auto provider = make_dmabuf_provider(dmabuf->duplicate().value());
  ASSERT_TRUE(provider) << provider.error().message();
  EXPECT_EQ((*provider)->lasting_region()->size(), 102'400u);
  EXPECT_GE((*provider)->dmabuf_fd(), 0);
  const auto too_much = make_dmabuf_provider(std::move(*dmabuf), {.size = 102'401});
  ASSERT_FALSE(too_much);
  EXPECT_NE(too_much.error().message().find("it has 100 KiB"), std::string::npos) << too_much.error().message();
}

}  // namespace
}  // namespace netmem
