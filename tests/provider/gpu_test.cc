#include "netmem/providers/gpu/gpu.h"

#include <algorithm>
#include <array>
#include <thread>

#include "netmem/base/units.h"
#include "netmem/core/page.h"
#include "tests/provider/conformance.h"
#include "tests/support/fake_device.h"

namespace netmem {
namespace {

INSTANTIATE_TEST_SUITE_P(Gpu, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                           return make_gpu_provider(
                               std::make_shared<FakeDevice>(),
                               {.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
                         }}));

// Pages of a fake device, lowest first.
struct Gpu {
  std::shared_ptr<FakeDevice> device = std::make_shared<FakeDevice>();
  std::shared_ptr<MemoryProvider> provider = make_gpu_provider(device, {.size = 64 * KiB}).value();
  std::vector<Netmem> pages = grant_all(*provider);
  Gpu() {
    std::ranges::sort(pages, {}, [](Netmem page) { return page.index(); });
  }
  ~Gpu() { reclaim_all(*provider, pages); }
};

TEST(GpuProvider, SaysWhoseMemoryItIs) {
  const Gpu gpu;
  EXPECT_EQ(gpu.provider->name(), "fake");
  EXPECT_EQ(gpu.provider->describe(), "fake: 64 KiB of device memory in pages of 4 KiB, on fake:0 (a test)");
  EXPECT_EQ(gpu.pages[0].region().name(), "fake:64 KiB");
  EXPECT_EQ(gpu.pages[0].region().io_window(gpu.pages[0]), nullptr);
}

TEST(GpuProvider, ADeviceThatIsFullSaysSo) {
  const auto device = std::make_shared<FakeDevice>();
  device->fail_allocation = true;
  const auto made = make_gpu_provider(device, {.size = 64 * KiB});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(), "cannot allocate on the fake device: it is full");
}

TEST(GpuProvider, MemoryOfTheProgramIsCutAndNotFreed) {
  const auto device = std::make_shared<FakeDevice>();
  std::vector<std::byte> programs(64 * KiB, std::byte{1});
  {
    const auto provider = make_gpu_provider(device, {.size = programs.size(),
                                                     .handle = reinterpret_cast<std::uintptr_t>(programs.data())})
                              .value();
    EXPECT_EQ(provider->device(), device);
    const auto pages = grant_all(*provider);
    ASSERT_EQ(pages.size(), 16u);
    const std::array<std::byte, 1> byte = {std::byte{7}};
    ASSERT_TRUE(provider->copy_engine().copy_in(std::array{CopyIn{pages[3], 5, byte}}));
    EXPECT_EQ(programs[provider->lasting_region()->offset(pages[3]) + 5], byte[0]);
    reclaim_all(*provider, pages);
  }
  EXPECT_EQ(std::ranges::count(programs, std::byte{1}), 64 * 1024 - 1);
}

TEST(GpuProvider, TheDeviceExportsItsPages) {
  const auto provider = make_gpu_provider(std::make_shared<FakeDevice>(), {.size = 64 * KiB + 5}).value();
  const auto dmabuf = provider->export_dmabuf();
  ASSERT_TRUE(dmabuf);
  EXPECT_EQ(::lseek(dmabuf->get(), 0, SEEK_END), 64 * 1024);
}

TEST(GpuProvider, SeveralShareADevice) {
  const auto device = std::make_shared<FakeDevice>();
  const auto one = make_gpu_provider(device, {.size = 4096}).value();
  const auto two = make_gpu_provider(device, {.size = 4096}).value();
  const Netmem first = grant_all(*one)[0], second = grant_all(*two)[0];
  const std::array<std::byte, 1> a = {std::byte{1}}, b = {std::byte{2}};
  ASSERT_TRUE(one->copy_engine().copy_in(std::array{CopyIn{first, 5, a}}));
  ASSERT_TRUE(two->copy_engine().copy_in(std::array{CopyIn{second, 5, b}}));
  std::array<std::byte, 1> got{};
  ASSERT_TRUE(one->copy_engine().copy_out(std::array{CopyOut{got, first, 5}}));
  EXPECT_EQ(got, a);
  EXPECT_FALSE(one->copy_engine().copy_out(std::array{CopyOut{got, second, 5}}));
}

TEST(GpuCopyEngine, NeighboursOnBothSidesAreOneCopy) {
  Gpu gpu;
  std::vector<std::byte> host(4 * 4096);
  const std::span<const std::byte> all(host);
  const CopyIn in[] = {
      {gpu.pages[0], 100, all.first(3996)},         // to the end of its page
      {gpu.pages[1], 0, all.subspan(3996, 4096)},   // goes on
      {gpu.pages[2], 0, all.subspan(8092, 0)},      // nothing
      {gpu.pages[2], 0, all.subspan(8092, 10)},     // goes on
      {gpu.pages[2], 11, all.subspan(8102, 10)},    // a hole on the device
      {gpu.pages[2], 21, all.subspan(8113, 10)},    // a hole on the host
      {gpu.pages[4], 0, all.subspan(8123, 10)},     // another page
      {gpu.pages[3], 4086, all.subspan(8133, 10)},  // the page before
  };
  ASSERT_TRUE(gpu.provider->copy_engine().copy_in(in));
  ASSERT_EQ(gpu.device->batches.size(), 1u);
  std::vector<std::size_t> sizes;
  for (const DeviceCopy& copy : gpu.device->batches[0]) sizes.push_back(copy.size);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{8102, 10, 10, 10, 10}));
}

TEST(GpuCopyEngine, ABatchOfNothingDoesNotGoToTheDevice) {
  Gpu gpu;
  ASSERT_TRUE(gpu.provider->copy_engine().copy_in(std::array{CopyIn{gpu.pages[0], 4096, {}}}));
  EXPECT_TRUE(gpu.device->batches.empty());
}

TEST(GpuCopyEngine, ErrorsOfTheDeviceComeThroughAndTheNextCopyIsWell) {
  Gpu gpu;
  const std::array<std::byte, 3> bytes = {std::byte{1}, std::byte{2}, std::byte{3}};
  CopyEngine& engine = gpu.provider->copy_engine();
  gpu.device->fail_enqueue = true;
  const auto full = engine.copy_in(std::array{CopyIn{gpu.pages[0], 0, bytes}});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message(), "cannot copy to the fake device: its queue is full");
  gpu.device->fail_copy = true;
  const auto loose = engine.copy_in(std::array{CopyIn{gpu.pages[0], 0, bytes}});
  ASSERT_FALSE(loose);
  EXPECT_EQ(loose.error().message(), "cannot copy on the fake device: its cable is loose");
  ASSERT_TRUE(engine.copy_in(std::array{CopyIn{gpu.pages[0], 0, bytes}}));
  std::array<std::byte, 3> got{};
  ASSERT_TRUE(engine.copy_out(std::array{CopyOut{got, gpu.pages[0], 0}}));
  EXPECT_EQ(got, bytes);
}

TEST(GpuCopyEngine, ThreadsCopySideBySide) {
  Gpu gpu;
  const auto work = [&](std::size_t number) {
    const Netmem page = gpu.pages[number];
    for (int i = 0; i < 200; ++i) {
      const std::vector<std::byte> in(100 + number, static_cast<std::byte>(i + static_cast<int>(number)));
      EXPECT_TRUE(gpu.provider->copy_engine().copy_in(std::array{CopyIn{page, 7, in}}));
      std::vector<std::byte> out(in.size());
      EXPECT_TRUE(gpu.provider->copy_engine().copy_out(std::array{CopyOut{out, page, 7}}));
      EXPECT_EQ(out, in);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < 3; ++i) threads.emplace_back(work, i);
}

}  // namespace
}  // namespace netmem
