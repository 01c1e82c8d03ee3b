// The CUDA loader and its device, on a libcuda.so.1 that the tests build (tests/support/cuda/fake_libcuda.cc), and the
// conformance suite on a GPU where there is one.
#include "netmem/providers/cuda.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>

#include "netmem/base/units.h"
#include "netmem/providers/cuda_api.h"
#include "netmem/providers/cuda_library.h"
#include "tests/provider/conformance.h"

namespace netmem {
namespace {

using testing::HasSubstr;

// The fake driver, broken in one way for as long as the object lives.
class FakeCuda {
 public:
  explicit FakeCuda(const char* how = "") { ::setenv("NETMEM_FAKE_CUDA", how, 1); }
  ~FakeCuda() { ::unsetenv("NETMEM_FAKE_CUDA"); }
  FakeCuda(const FakeCuda&) = delete;
  FakeCuda& operator=(const FakeCuda&) = delete;
};

const cuda::Library& fake() {
  static const cuda::Library library = cuda::load(NETMEM_FAKE_CUDA).value();
  return library;
}

std::string refusal_of_loading(const char* how, const char* path = NETMEM_FAKE_CUDA) {
  const FakeCuda broken(how);
  const auto loaded = cuda::load(path);
  return loaded ? "loaded" : loaded.error().message();
}

Result<std::shared_ptr<void>> gpu() {
  auto device = open_cuda();
  if (!device) return std::unexpected(device.error());
  return std::shared_ptr<void>();
}

INSTANTIATE_TEST_SUITE_P(Cuda, Conformance,
                         testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                                                        return make_cuda_provider({.size = wanted.size,
                                                                                   .page_size = wanted.page_size,
                                                                                   .dma = wanted.dma});
                                                      },
                                                      .needs = gpu}));
INSTANTIATE_TEST_SUITE_P(FakeCuda, Conformance, testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                           auto device = CudaApi::open(fake(), 1);
                           if (!device) return std::unexpected(device.error());
                           return make_gpu_provider(
                               std::move(*device),
                               {.size = wanted.size, .page_size = wanted.page_size, .dma = wanted.dma});
                         }}));

TEST(CudaLibrary, AMissingLibrarySaysWhatToInstall) {
  EXPECT_EQ(refusal_of_loading("", "libnocuda.so.1"),
            "cannot load libnocuda.so.1: cannot open shared object file: No such file or directory; install NVIDIA's "
            "driver (Debian's nvidia-driver and libcuda1), or use opencl, or memfd, which needs no device");
}

TEST(CudaLibrary, ALibraryThatLacksAFunctionIsRefusedWithItsName) {
  EXPECT_EQ(refusal_of_loading("", "libc.so.6"),
            "cannot use libc.so.6: it lacks cuInit; install a driver for CUDA 11.0 or later");
  EXPECT_EQ(refusal_of_loading("", NETMEM_LACKING_CUDA),
            "cannot use " NETMEM_LACKING_CUDA ": it lacks cuEventQuery; install a driver for CUDA 11.0 or later");
}

TEST(CudaLibrary, ADriverThatIsTooOldSaysWhichIsNeeded) {
  EXPECT_EQ(refusal_of_loading("old_driver"),
            "cannot use " NETMEM_FAKE_CUDA ": the driver is for CUDA 10.2; install one for CUDA 11.0 or later");
  EXPECT_THAT(refusal_of_loading("old_driver", NETMEM_LACKING_CUDA), HasSubstr("the driver is for CUDA 10.2"));
}

TEST(CudaLibrary, AMachineWithoutAGpuSaysSo) {
  EXPECT_EQ(
      refusal_of_loading("no_device"),
      "cannot start CUDA: the driver says CUDA_ERROR_NO_DEVICE (100); see what nvidia-smi says, or use opencl, or "
      "memfd, which needs no device");
}

TEST(CudaLibrary, ErrorsWithoutANameHaveTheirNumber) {
  EXPECT_EQ(fake().says(4711), "the driver says CUDA error (4711)");
}

TEST(Cuda, AGpuThatDoesNotExistIsRefusedWithThoseThatDo) {
  EXPECT_EQ(CudaApi::devices(fake()).value(), (std::vector<std::string>{"Fake 0", "Fake 1"}));
  EXPECT_EQ(CudaApi::open(fake(), 2).error().message(),
            "cannot open cuda:2: there is no such GPU; use one of these: 0 (Fake 0), 1 (Fake 1)");
  EXPECT_FALSE(CudaApi::open(fake(), -1));
  const FakeCuda broken("no_gpus");
  EXPECT_THAT(CudaApi::open(fake(), 0).error().message(), HasSubstr("the driver knows of no GPU; see what nvidia-smi"));
}

TEST(Cuda, AContextThatCannotBeHadIsAnErrorWithItsName) {
  const FakeCuda broken("no_context");
  EXPECT_EQ(CudaApi::open(fake(), 0).error().message(),
            "cannot open cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2)");
}

TEST(Cuda, AFullGpuSaysHowMuchIsFree) {
  const auto device = CudaApi::open(fake(), 0).value();
  const FakeCuda broken("full");
  const auto made = make_gpu_provider(device, {.size = 64 * MiB});
  ASSERT_FALSE(made);
  EXPECT_EQ(
      made.error().message(),
      "cannot allocate 64 MiB on cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2); 1 GiB of its 80 GiB "
      "are free; ask for less");
}

// Memory of the fake, and copies to and from it.
struct CudaCopies : testing::Test {
  std::shared_ptr<DeviceApi> device = CudaApi::open(fake(), 0).value();
  DeviceAddress memory = device->allocate(4 * MiB, 2 * MiB).value();
  ~CudaCopies() override { device->free(memory); }

  DeviceCopy in(std::size_t offset, std::vector<std::byte>& from) const {
    return {DeviceCopy::Direction::to_device, memory + offset, from.data(), from.size()};
  }
  DeviceCopy out(std::vector<std::byte>& to, std::size_t offset) const {
    return {DeviceCopy::Direction::to_host, memory + offset, to.data(), to.size()};
  }
};

TEST_F(CudaCopies, MemoryIsAlignedAsItIsAskedFor) {
  EXPECT_EQ(memory % (2 * MiB), 0u);
  const DeviceAddress small = device->allocate(4096, 4096).value();
  EXPECT_EQ(small % 4096, 0u);
  device->free(small);
}

TEST_F(CudaCopies, PollDoesNotWaitAndTellsOnce) {
  std::vector<std::byte> bytes(1000, std::byte{7}), got(1000);
  const auto ticket = device->enqueue(std::array{in(5, bytes), out(got, 5)}).value();
  EXPECT_FALSE(device->poll(ticket).value());
  EXPECT_FALSE(device->poll(ticket).value());
  EXPECT_TRUE(device->poll(ticket).value());
  EXPECT_EQ(got, bytes);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(static_cast<void>(device->poll(ticket)), "has ended, or never was");
}

TEST_F(CudaCopies, TicketsEndInAnyOrder) {
  std::vector<std::byte> bytes(10, std::byte{7}), got(10);
  const auto first = device->enqueue(std::array{in(0, bytes)}).value();
  const auto second = device->enqueue(std::array{out(got, 0)}).value();
  ASSERT_TRUE(device->wait(second));
  ASSERT_TRUE(device->wait(first));
  EXPECT_EQ(got, bytes);
}

TEST_F(CudaCopies, OneThatIsRefusedIsAnErrorAndTheNextIsWell) {
  std::vector<std::byte> bytes(10, std::byte{7}), got(10);
  {
    const FakeCuda broken("refused_copy");
    const auto refused = device->enqueue(std::array{out(got, 0), in(0, bytes)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(),
              "cannot copy to or from cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2)");
  }
  ASSERT_TRUE(device->wait(device->enqueue(std::array{in(0, bytes), out(got, 0)}).value()));
  EXPECT_EQ(got, bytes);
}

TEST_F(CudaCopies, OneThatFailsOnTheGpuIsToldByWaitAndByPoll) {
  std::vector<std::byte> bytes(10);
  const auto waited = device->enqueue(std::array{in(0, bytes)}).value();
  const auto polled = device->enqueue({}).value();
  const FakeCuda broken("failed_copy");
  EXPECT_EQ(device->wait(waited).error().message(),
            "cannot copy to or from cuda:0 (Fake 0): the driver says CUDA_ERROR_ILLEGAL_ADDRESS (700); the GPU is lost to "
            "this process; restart the program");
  EXPECT_THAT(device->poll(polled).error().message(), HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS (700)"));
}

}  // namespace
}  // namespace netmem
