// The CUDA loader and its device, on a libcuda.so.1 that the tests build (tests/support/cuda/fake_libcuda.cc), and the
// conformance suite on a GPU where there is one.
#include "netmem/providers/gpu/cuda/cuda.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "netmem/base/units.h"
#include "netmem/providers/gpu/cuda/api.h"
#include "netmem/providers/gpu/cuda/library.h"
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

TEST(Cuda, ProvidersOfAGpuShareIt) {
  if (const auto need = gpu(); !need) GTEST_SKIP() << need.error().message();
  const auto one = make_cuda_provider({.size = 64 * KiB}).value(),
             other = make_cuda_provider({.size = 64 * KiB}).value();
  EXPECT_EQ(one->device(), other->device());
  EXPECT_EQ(open_cuda().value(), one->device());
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
  EXPECT_EQ(
      device->wait(waited).error().message(),
      "cannot copy to or from cuda:0 (Fake 0): the driver says CUDA_ERROR_ILLEGAL_ADDRESS (700); the GPU is lost to "
      "this process; restart the program");
  EXPECT_THAT(device->poll(polled).error().message(), HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS (700)"));
}

// Memory that a program took from the driver itself.
class ProgramsMemory {
 public:
  explicit ProgramsMemory(std::size_t size) {
    current([&] { EXPECT_EQ(fake().mem_alloc(&address_, size), cuda::kSuccess); });
  }
  ~ProgramsMemory() {
    current([&] { EXPECT_EQ(fake().mem_free(address_), cuda::kSuccess); });
  }
  ProgramsMemory(const ProgramsMemory&) = delete;
  ProgramsMemory& operator=(const ProgramsMemory&) = delete;
  [[nodiscard]] cuda::Address address() const { return address_; }

 private:
  template <class Work>
  static void current(const Work& work) {
    cuda::Context context = nullptr;
    fake().ctx_push_current(nullptr);
    work();
    fake().ctx_pop_current(&context);
  }
  cuda::Address address_ = 0;
};

TEST_F(CudaCopies, MemoryOfTheProgramIsUsedAndNotFreed) {
  const ProgramsMemory programs(64 * KiB);
  {
    const auto provider = make_gpu_provider(device, {.size = 32 * KiB, .handle = programs.address() + 4096}).value();
    const auto pages = grant_all(*provider);
    EXPECT_EQ(pages[0].region().address(), programs.address() + 4096);
    ASSERT_EQ(pages.size(), 8u);
    std::vector<std::byte> bytes(100, std::byte{5}), got(100);
    ASSERT_TRUE(provider->copy_engine().copy_in(std::array{CopyIn{pages[0], 7, bytes}}));
    ASSERT_TRUE(provider->copy_engine().copy_out(std::array{CopyOut{got, pages[0], 7}}));
    EXPECT_EQ(got, bytes);
    reclaim_all(*provider, pages);
  }
  const auto again = make_gpu_provider(device, {.size = 64 * KiB, .handle = programs.address()});
  EXPECT_TRUE(again) << again.error().message();
}

TEST_F(CudaCopies, MemoryThatCannotBeAdoptedIsRefusedWithTheReason) {
  const ProgramsMemory programs(64 * KiB);
  const auto refusal = [&](std::uintptr_t handle, std::size_t size, const char* how = "") {
    const FakeCuda broken(how);
    const auto made = make_gpu_provider(device, {.size = size, .handle = handle});
    return made ? "made" : made.error().message();
  };
  const std::string who = "cannot adopt memory on cuda:0 (Fake 0): ";
  EXPECT_EQ(refusal(4711, 4096), who +
                                     "it is no memory that the driver knows: the driver says CUDA_ERROR_INVALID_VALUE "
                                     "(1); give a device pointer");
  EXPECT_EQ(refusal(programs.address() + 4096, 64 * KiB), who + "there are 61440 bytes and not 65536");
  EXPECT_EQ(refusal(programs.address(), 4096, "managed"), who + "it is managed memory; give memory of cuMemAlloc");
  EXPECT_EQ(refusal(programs.address(), 4096, "other_gpu"), who + "it is memory of cuda:7; open that GPU");
  EXPECT_EQ(refusal(programs.address() + 512, 4096),
            "cannot make a cuda provider of the program's memory: it does not begin at a multiple of 4 KiB; begin at "
            "the next one, and give so much less");
  EXPECT_EQ(refusal(memory + 4096, 4096), who + "some of it is netmem's already; adopt it once, in one piece");
  std::vector<std::byte> host(4096);
  ASSERT_TRUE(device->register_host(host));
  EXPECT_EQ(refusal(reinterpret_cast<std::uintptr_t>(host.data()), 4096),
            who + "it is the host's; give memory of cuMemAlloc");
  device->unregister_host(host);
  EXPECT_EQ(refusal(programs.address(), 4096), "made");
}

// What lies beside adopted memory is in the same allocation; the kernels do not even read it (the fake aborts).
TEST_F(CudaCopies, AGatherOfAdoptedMemoryStaysInsideIt) {
  const ProgramsMemory programs(64 * KiB);
  const DeviceAddress inside = device->adopt(programs.address() + 5, 1001).value();
  std::vector<std::byte> bytes(1001), got(1001);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  ASSERT_TRUE(device->wait(
      device->enqueue(std::array{DeviceCopy{DeviceCopy::Direction::to_device, inside, bytes.data(), 1001}}).value()));
  for (std::size_t to = 0; to < 16; ++to) {
    ASSERT_TRUE(device->wait(device->enqueue_gather(inside, std::array{DeviceMove{0, to, 1001}}, memory).value()));
    ASSERT_TRUE(device->wait(device->enqueue(std::array{out(got, to)}).value()));
    EXPECT_EQ(got, bytes) << to;
  }
  EXPECT_FALSE(device->enqueue_gather(inside, std::array{DeviceMove{1, 0, 1001}}, memory));
  device->free(inside);
}

TEST(Cuda, KernelsThatTheDriverRefusesAreToldWithItsCompilersWords) {
  const auto device = CudaApi::open(fake(), 0).value();
  const DeviceAddress memory = device->allocate(4096, 4096).value();
  {
    const FakeCuda broken("bad_ptx");
    EXPECT_EQ(device->enqueue_gather(memory, {}, memory).error().message(),
              "cannot load kernels into cuda:0 (Fake 0): the driver says CUDA_ERROR_INVALID_PTX (218): ptxas fatal: "
              "Unexpected; install a newer driver");
  }
  EXPECT_TRUE(device->wait(device->enqueue_gather(memory, {}, memory).value()));  // tried again
  device->free(memory);
}

TEST_F(CudaCopies, LaunchesThatAreRefusedOrFailAreErrorsWithTheirNames) {
  const auto gather = [&] { return device->enqueue_gather(memory, std::array{DeviceMove{0, 8192, 100}}, memory); };
  std::array<std::uint32_t, 1> crcs{};
  {
    const FakeCuda broken("no_pinned");
    EXPECT_EQ(gather().error().message(),
              "cannot gather on cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2)");
  }
  {
    const FakeCuda broken("refused_launch");
    EXPECT_EQ(gather().error().message(),
              "cannot gather on cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2)");
    EXPECT_EQ(device->enqueue_digest(memory, std::array{DeviceRange{0, 5}}, crcs).error().message(),
              "cannot compute digests on cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2)");
  }
  {
    const FakeCuda broken("refused_copy");
    EXPECT_EQ(device->enqueue_move(memory, memory + 8192, 5).error().message(),
              "cannot copy on cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2)");
  }
  const auto failing = device->enqueue_digest(memory, std::array{DeviceRange{0, 5}}, crcs).value();
  {
    const FakeCuda broken("failed_copy");
    EXPECT_EQ(device->wait(failing).error().message(),
              "cannot compute digests on cuda:0 (Fake 0): the driver says CUDA_ERROR_ILLEGAL_ADDRESS (700); the GPU is "
              "lost to this process; restart the program");
  }
  EXPECT_EQ(crcs[0], 0u);
  EXPECT_TRUE(device->wait(gather().value()));
}

TEST_F(CudaCopies, MemoryIsExportedAsADmaBufOrItIsSaidWhyNot) {
  const auto provider = make_gpu_provider(device, {.size = 100'000}).value();
  const auto dmabuf = provider->export_dmabuf();
  ASSERT_TRUE(dmabuf) << dmabuf.error().message();
  EXPECT_EQ(::lseek(dmabuf->get(), 0, SEEK_END), 24 * 4096);  // its pages
  const auto refusal = [&](const char* how) {
    const FakeCuda broken(how);
    const auto exported = provider->export_dmabuf();
    return exported ? "exported" : exported.error().message();
  };
  const std::string who = "cannot export 96 KiB of cuda:0 (Fake 0) as a dma-buf: ";
  EXPECT_EQ(refusal("no_dmabuf"), who +
                                      "the driver does not offer that on this machine; use NVIDIA's open kernel "
                                      "modules, and Linux 5.12 or later");
  EXPECT_EQ(refusal("refused_export"), who + "the driver says CUDA_ERROR_NOT_SUPPORTED (801)");
  EXPECT_THAT(device->export_dmabuf(memory + 1, 4096).error().message(),
              HasSubstr("address and size are no multiples of a page of 4 KiB"));
  EXPECT_FALSE(device->export_dmabuf(memory, 4097));
}

TEST(Cuda, ADriverThatIsTooOldToExportIsGoodForTheRest) {
  cuda::Library old = fake();
  old.mem_get_handle_for_address_range = nullptr;
  const auto provider = make_gpu_provider(CudaApi::open(old, 0).value(), {.size = 4096}).value();
  EXPECT_EQ(provider->export_dmabuf().error().message(),
            "cannot export 4 KiB of cuda:0 (Fake 0) as a dma-buf: the driver lacks cuMemGetHandleForAddressRange; "
            "install one for CUDA 11.7 or later");
}

TEST_F(CudaCopies, HostMemoryIsRegisteredOnce) {
  std::vector<std::byte> host(64 * KiB);
  ASSERT_TRUE(device->register_host(host));
  EXPECT_EQ(device->register_host(std::span(host).subspan(4096)).error().message(),
            "cannot register 60 KiB of host memory with cuda:0 (Fake 0): the driver says "
            "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED (712); some of it is registered with CUDA already: register it "
            "once");
  device->unregister_host(host);
  {
    const FakeCuda broken("locked_limit");
    EXPECT_THAT(device->register_host(host).error().message(), HasSubstr("see what ulimit -l says"));
  }
  ASSERT_TRUE(device->register_host(host));
  device->unregister_host(host);
}

// Copies of `size` bytes out of `host`, shuffled, each somewhere else in the first 2 MiB of the device.
std::vector<DeviceCopy> small_copies(std::span<std::byte> host, DeviceAddress memory, std::size_t count,
                                     std::size_t size) {
  std::vector<DeviceCopy> copies;
  for (std::size_t i = 0; i < count; ++i)
    copies.push_back(
        {DeviceCopy::Direction::to_device, memory + i * (size + 3), host.data() + (count - 1 - i) * size, size});
  return copies;
}

TEST_F(CudaCopies, ManySmallCopiesOutOfRegisteredMemoryAreOneLaunch) {
  std::vector<std::byte> host(64 * KiB), got(64 * KiB);
  for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<std::byte>(i * 7 + i / 256);
  ASSERT_TRUE(device->register_host(host));
  const auto copies = small_copies(host, memory, 30, 1460);
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  ASSERT_TRUE(device->wait(device->enqueue(std::array{out(got, 0)}).value()));
  for (const DeviceCopy& copy : copies)
    EXPECT_TRUE(
        std::equal(copy.host, copy.host + copy.size, got.begin() + static_cast<std::ptrdiff_t>(copy.device - memory)));
  {
    const FakeCuda broken("refused_launch");  // fails those that are one
    EXPECT_FALSE(device->enqueue(copies));
    EXPECT_TRUE(device->wait(device->enqueue(std::span(copies).first(8)).value()));
    EXPECT_TRUE(device->wait(device->enqueue(small_copies(host, memory, 5, 12 * KiB)).value()));
    auto mixed = copies;
    mixed.back() = out(got, 0);
    EXPECT_TRUE(device->wait(device->enqueue(mixed).value()));
    mixed = copies;
    mixed.back().device = mixed.front().device + 1459;  // written twice: the order counts
    EXPECT_TRUE(device->wait(device->enqueue(mixed).value()));
  }
  device->unregister_host(host);
}

// The fake's copies to the device and launches, counted.
int to_device = 0, launched = 0;
cuda::Library counting() {
  cuda::Library library = fake();
  library.memcpy_htod_async = [](auto... arguments) {
    ++to_device;
    return fake().memcpy_htod_async(arguments...);
  };
  library.launch_kernel = [](auto... arguments) {
    ++launched;
    return fake().launch_kernel(arguments...);
  };
  return library;
}

TEST(Cuda, ABatchOfSmallCopiesIsOneTransferAndOneLaunchWhateverMemoryTheyAreOutOf) {
  const cuda::Library library = counting();
  const auto device = CudaApi::open(library, 0).value();
  const DeviceAddress memory = device->allocate(4 * MiB, 4096).value();
  std::vector<std::byte> registered(64 * KiB, std::byte{1}), other(64 * KiB, std::byte{2}), got(4 * MiB);
  ASSERT_TRUE(device->register_host(registered));
  ASSERT_TRUE(device->wait(device->enqueue_gather(memory, {}, memory).value()));  // loads the kernels
  const auto batch = [&](bool with_registered, bool with_other, std::size_t large) {
    auto copies = small_copies(with_registered ? registered : other, memory, 30, 1460);
    if (with_other)
      for (std::size_t i = 1; i < 30; i += 2) copies[i].host = other.data() + i;
    for (std::size_t i = 0; i < large; ++i)
      copies.insert(copies.begin() + 3,
                    {DeviceCopy::Direction::to_device, memory + MiB * (1 + i), other.data(), 12'288});
    to_device = launched = 0;
    EXPECT_TRUE(device->wait(device->enqueue(copies).value()));
    EXPECT_EQ(launched, 1);
    EXPECT_EQ(to_device, static_cast<int>(1 + large));
    EXPECT_TRUE(device->wait(
        device->enqueue(std::array{DeviceCopy{DeviceCopy::Direction::to_host, memory, got.data(), got.size()}})
            .value()));
    for (const DeviceCopy& copy : copies) EXPECT_EQ(std::memcmp(copy.host, &got[copy.device - memory], copy.size), 0);
  };
  batch(true, false, 0);
  batch(true, true, 0);
  batch(false, true, 0);
  batch(true, false, 2);
  batch(false, true, 2);
  device->unregister_host(registered);
  device->free(memory);
}

TEST_F(CudaCopies, WithoutRoomForThemSmallCopiesGoOneByOne) {
  std::vector<std::byte> host(64 * KiB, std::byte{9}), got(64 * KiB);
  const auto copies = small_copies(host, memory, 30, 1460);
  for (const char* how : {"no_pinned", "full"}) {
    const FakeCuda broken(how);
    const auto ticket = device->enqueue(copies);
    ASSERT_TRUE(ticket) << ticket.error().message();
    EXPECT_TRUE(device->wait(*ticket));
  }
  ASSERT_TRUE(device->wait(device->enqueue(std::array{out(got, 0)}).value()));
  EXPECT_EQ(std::ranges::count(got, std::byte{9}), 30 * 1460);
}

TEST_F(CudaCopies, SmallCopiesWhoseLaunchIsRefusedAreOverAndTheNextAreWell) {
  std::vector<std::byte> host(64 * KiB, std::byte{9}), got(64 * KiB);
  const auto copies = small_copies(host, memory, 30, 1460);
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));  // loads the kernels
  for (const char* how : {"refused_launch", "refused_copy"}) {
    const FakeCuda broken(how);
    EXPECT_EQ(device->enqueue(copies).error().message(),
              "cannot copy to or from cuda:0 (Fake 0): the driver says CUDA_ERROR_OUT_OF_MEMORY (2)");
  }
  std::ranges::fill(host, std::byte{8});
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  ASSERT_TRUE(device->wait(device->enqueue(std::array{out(got, 0)}).value()));
  EXPECT_EQ(std::ranges::count(got, std::byte{8}), 30 * 1460);
}

TEST_F(CudaCopies, SmallCopiesNeedNoKernels) {
  std::vector<std::byte> host(64 * KiB, std::byte{9}), got(64 * KiB);
  ASSERT_TRUE(device->register_host(host));
  const auto copies = small_copies(host, memory, 30, 1460);
  for (const char* how : {"bad_ptx", "refused_launch"}) {
    const FakeCuda broken(how);
    EXPECT_TRUE(device->wait(device->enqueue(copies).value())) << how;
  }
  device->unregister_host(host);
  ASSERT_TRUE(device->wait(device->enqueue(std::array{out(got, 0)}).value()));
  EXPECT_EQ(std::ranges::count(got, std::byte{9}), 30 * 1460);
}

TEST(CudaDeathTest, MisuseIsNamed) {
  const auto device = CudaApi::open(fake(), 0).value();
  std::vector<std::byte> host(4096);
  std::array<std::uint32_t, 2> crcs{};
  EXPECT_DEATH(device->unregister_host(host), "no registration begins at");
  EXPECT_DEATH(static_cast<void>(device->enqueue_digest(0, std::array{DeviceRange{0, 1}}, crcs)),
               "2 results for 1 ranges");
}

}  // namespace
}  // namespace netmem
