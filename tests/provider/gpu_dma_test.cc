#include <gtest/gtest.h>

#include "netmem/base/units.h"
#include "netmem/pool/page_pool.h"
#include "netmem/providers/decorators/limit.h"
#include "netmem/providers/gpu/dma.h"
#include "netmem/providers/gpu/gpu.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/host/huge_split.h"
#include "tests/support/late_device.h"
#include "tests/support/regions.h"

namespace netmem {
namespace {

struct GpuMemory {
  std::shared_ptr<LateDevice> device = std::make_shared<LateDevice>();
  std::shared_ptr<MemoryProvider> provider = make_gpu_provider(device, {.size = 64 * KiB}).value();
};

TEST(GpuDma, HostMemoryIsRegisteredOnceForEachRegionAndUntilItGoes) {
  const GpuMemory gpu;
  auto host = make_host_provider({.size = 256 * KiB, .dma = gpu.provider->staging_dma()}).value();
  const Region& region = *host->lasting_region();
  ASSERT_EQ(gpu.device->registered.size(), 1u);
  EXPECT_EQ(gpu.device->registered.begin()->first, reinterpret_cast<std::byte*>(region.address()));
  EXPECT_EQ(gpu.device->registered.begin()->second, region.size());
  for (int round = 0; round < 3; ++round) {  // pools come and go, and so do pages
    const auto pool = PagePool::create(host).value();
    std::vector<Netmem> pages;
    while (const Netmem page = pool->try_alloc()) pages.push_back(page);
    for (const Netmem page : pages) {
      EXPECT_EQ(page.dma_address(), page.descriptor().address);
      pool->recycle(page);
    }
  }
  EXPECT_EQ(gpu.device->registrations, 1u);
  host.reset();
  EXPECT_TRUE(gpu.device->registered.empty());
}

TEST(GpuDma, RegionsThatComeLaterAreRegisteredWhenTheyCome) {
  const GpuMemory gpu;
  auto host = make_huge_split_provider({.size = 4 * MiB, .dma = gpu.provider->staging_dma()}).value();
  std::vector<Netmem> pages(128);
  pages.resize(host->grant(pages));
  ASSERT_FALSE(pages.empty());
  EXPECT_EQ(gpu.device->registered.size(), regions_of(*host).size());
  for (Netmem& page : pages) page = end_life(page);
  host->reclaim(pages);
  host.reset();
  EXPECT_TRUE(gpu.device->registered.empty());
}

TEST(GpuDma, ADriverThatRefusesIsNamedAndNothingStaysRegistered) {
  const GpuMemory gpu;
  gpu.device->refuse_registration = true;
  const auto host = make_host_provider({.size = 64 * KiB, .dma = gpu.provider->staging_dma()});
  ASSERT_FALSE(host);
  EXPECT_EQ(host.error().message(), "cannot register host memory with the late device: too much is locked");
  EXPECT_TRUE(gpu.device->registered.empty());
}

TEST(GpuDma, DeviceMemoryIsNotRegistered) {
  const GpuMemory gpu;
  const auto other = make_gpu_provider(gpu.device, {.size = 64 * KiB, .dma = gpu.provider->staging_dma()});
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message().find("it is no host memory"), std::string::npos) << other.error().message();
}

TEST(GpuDma, ADecoratorPassesItOn) {
  const GpuMemory gpu;
  EXPECT_NE(make_limit_provider(gpu.provider, 16 * KiB).value()->staging_dma(), nullptr);
  EXPECT_EQ(make_host_provider({.size = 64 * KiB}).value()->staging_dma(), nullptr);
}

TEST(GpuDma, TheDeviceStaysUntilItsLastRegionHasGone) {
  GpuMemory gpu;
  const std::weak_ptr<LateDevice> device = gpu.device;
  auto host = make_host_provider({.size = 64 * KiB, .dma = gpu.provider->staging_dma()}).value();
  gpu.provider.reset();
  gpu.device.reset();
  EXPECT_FALSE(device.expired());
  host.reset();
  EXPECT_TRUE(device.expired());
}

}  // namespace
}  // namespace netmem
