#include "netmem/providers/gpu/opencl/opencl.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <thread>

#include "netmem/base/units.h"
#include "netmem/core/gather.h"
#include "netmem/core/page.h"
#include "netmem/pool/page_pool.h"
#include "netmem/providers/gpu/opencl/api.h"
#include "netmem/providers/gpu/opencl/library.h"
#include "tests/provider/conformance.h"

#if __has_include(<CL/cl.h>)
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <CL/cl_ext.h>
#endif

namespace netmem {
namespace {

using testing::HasSubstr;

// A device to test with, or why there is none.
Result<std::shared_ptr<void>> opencl() {
  auto device = open_opencl();
  if (!device) return std::unexpected(device.error());
  return std::shared_ptr<void>();
}

INSTANTIATE_TEST_SUITE_P(OpenCl, Conformance,
                         testing::Values(ProviderCase{.make = [](const Wanted& wanted) -> Made {
                                                        return make_opencl_provider({.size = wanted.size,
                                                                                     .page_size = wanted.page_size,
                                                                                     .dma = wanted.dma});
                                                      },
                                                      .needs = opencl}));

#if __has_include(<CL/cl.h>)
static_assert(cl::kDeviceNotFound == CL_DEVICE_NOT_FOUND && cl::kPlatformNotFound == CL_PLATFORM_NOT_FOUND_KHR);
static_assert(cl::kComplete == CL_COMPLETE && cl::kSuccess == CL_SUCCESS);
static_assert(cl::kPlatformName == CL_PLATFORM_NAME && cl::kDeviceName == CL_DEVICE_NAME);
static_assert(cl::kDeviceType == CL_DEVICE_TYPE && cl::kDeviceMaxMemAllocSize == CL_DEVICE_MAX_MEM_ALLOC_SIZE);
static_assert(cl::kDeviceTypeGpu == CL_DEVICE_TYPE_GPU && cl::kDeviceTypeAll == CL_DEVICE_TYPE_ALL);
static_assert(cl::kEventCommandExecutionStatus == CL_EVENT_COMMAND_EXECUTION_STATUS);
static_assert(cl::kMemReadWrite == CL_MEM_READ_WRITE && cl::kContextPlatform == CL_CONTEXT_PLATFORM);
static_assert(cl::kMigrateContentUndefined == CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED);
static_assert(cl::kDevicePlatform == CL_DEVICE_PLATFORM && cl::kContextDevices == CL_CONTEXT_DEVICES);
static_assert(cl::kMemType == CL_MEM_TYPE && cl::kMemFlags == CL_MEM_FLAGS && cl::kMemSize == CL_MEM_SIZE);
static_assert(cl::kMemContext == CL_MEM_CONTEXT && cl::kMemObjectBuffer == CL_MEM_OBJECT_BUFFER);
static_assert(cl::kProgramBuildLog == CL_PROGRAM_BUILD_LOG && cl::kInvalidMemObject == CL_INVALID_MEM_OBJECT);
static_assert(cl::kMemWriteOnly == CL_MEM_WRITE_ONLY && cl::kMemReadOnly == CL_MEM_READ_ONLY);
static_assert(cl::kMemCopyHostPointer == CL_MEM_COPY_HOST_PTR && cl::kMemHostWriteOnly == CL_MEM_HOST_WRITE_ONLY);
static_assert(cl::kMemHostReadOnly == CL_MEM_HOST_READ_ONLY && cl::kMemHostNoAccess == CL_MEM_HOST_NO_ACCESS);
static_assert(sizeof(cl::Int) == sizeof(cl_int) && sizeof(cl::Uint) == sizeof(cl_uint));
static_assert(sizeof(cl::Ulong) == sizeof(cl_mem_flags) && sizeof(cl::Property) == sizeof(cl_context_properties));
#endif

TEST(OpenClLibrary, AMissingLibrarySaysWhatToInstall) {
  const auto loaded = cl::load("libNoOpenCL.so.1");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(
      loaded.error().message(),
      "cannot load libNoOpenCL.so.1: cannot open shared object file: No such file or directory; install an ICD "
      "loader (Debian's ocl-icd-libopencl1) and the OpenCL of the device's vendor, or pocl-opencl-icd, which needs "
      "no device");
}

TEST(OpenClLibrary, ALibraryThatIsSomethingElseSaysWhatItLacks) {
  const auto loaded = cl::load("libc.so.6");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message(), "cannot use libc.so.6: it lacks clGetPlatformIDs; OpenCL 1.2 or later is needed");
}

TEST(OpenClLibrary, ErrorsHaveTheirNames) {
  EXPECT_EQ(cl::says(-5), "the device says CL_OUT_OF_RESOURCES (-5)");
  EXPECT_EQ(cl::says(-9999), "the device says OpenCL error -9999");
}

class OpenCl : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto need = opencl(); !need) GTEST_SKIP() << need.error().message();
  }
};

TEST_F(OpenCl, ADeviceThatDoesNotExistIsRefusedWithThoseThatDo) {
  const auto devices = opencl_devices().value();
  ASSERT_FALSE(devices.empty());
  for (const auto& [platform, device] : {std::pair{998, 0}, {0, 999}, {-1, 0}, {0, -1}}) {
    const auto made = make_opencl_provider({.platform = platform, .device = device, .size = 4096});
    ASSERT_FALSE(made) << platform << "." << device;
    EXPECT_THAT(made.error().message(), HasSubstr("there is no such device; use one of these: 0."));
    for (const OpenClDevice& one : devices) EXPECT_THAT(made.error().message(), HasSubstr("(" + one.name + ")"));
  }
}

TEST_F(OpenCl, EveryDeviceCanBeOpened) {
  const auto devices = opencl_devices().value();
  for (const OpenClDevice& one : devices) {
    const auto device = open_opencl(one.platform, one.device);
    ASSERT_TRUE(device) << device.error().message();
    EXPECT_THAT((*device)->describe(), HasSubstr(one.name + " of " + one.platform_name));
  }
}

TEST_F(OpenCl, MoreThanTheDevicesLargestBufferIsRefused) {
  const auto made = make_opencl_provider({.size = std::size_t{1} << 50});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("cannot allocate 1024 TiB on opencl:"));
  EXPECT_THAT(made.error().message(), HasSubstr("its largest buffer is "));
}

TEST_F(OpenCl, TheMemoryIsTakenAtOnce) {
  const auto device = open_opencl().value();
  const DeviceAddress one = device->allocate(2 * MiB, 2 * MiB).value();
  const DeviceAddress two = device->allocate(4096, 4096).value();
  EXPECT_EQ(one % (2 * MiB), 0u);
  EXPECT_NE(one, two);
  device->free(one);
  device->free(two);
}

// What `work` gives in each of several threads that begin at the same moment.
template <class Work>
auto at_once(const Work& work) {
  constexpr std::ptrdiff_t kThreads = 4;
  std::vector<decltype(work())> results(kThreads, decltype(work()){});
  std::latch all(kThreads);
  std::vector<std::jthread> threads;
  for (auto& result : results)
    threads.emplace_back([&] {
      all.arrive_and_wait();
      result = work();
    });
  threads.clear();
  return results;
}

// In a process of its own each time, for only the first calls of a process find OpenCL as it was loaded.
TEST(OpenClFirstDeathTest, ThreadsThatAreTheFirstToOpenADeviceGetTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto open_at_once = [] {
    const auto opened = at_once([] { return open_opencl().value_or(nullptr); });
    const std::shared_ptr<DeviceApi> device = open_opencl().value_or(nullptr);
    std::_Exit(std::ranges::count(opened, device) == std::ssize(opened) ? 0 : 1);
  };
  for (int round = 0; round < 10; ++round) EXPECT_EXIT(open_at_once(), testing::ExitedWithCode(0), "") << round;
}

TEST_F(OpenCl, ThreadsListDevicesAndOpenAndCloseOneAtTheSameTime) {
  const std::size_t count = opencl_devices().value().size();
  const auto rounds = at_once([&] {
    int done = 0;
    while (done < 50 && open_opencl() && opencl_devices()->size() == count) ++done;
    return done;
  });
  EXPECT_THAT(rounds, testing::Each(50));
}

// Two providers of the same device, and pages of both.
class TwoOpenClProviders : public OpenCl {
 protected:
  void SetUp() override {
    OpenCl::SetUp();
    if (IsSkipped()) return;
    for (PagePoolPtr& pool : pools_)
      pool = PagePool::create(make_opencl_provider({.size = MiB}).value(), {.allow_unreadable = true}).value();
  }
  static DeviceApi* device_of(const PagePool& pool) {
    return dynamic_cast<GpuProvider&>(pool.provider()).device().get();
  }
  // Bytes go into a page of `from` and with a gather into one of `to`.
  static void expect_gathers(PagePool& from, PagePool& to) {
    const std::vector<std::byte> bytes(100, std::byte{42});
    std::vector<std::byte> got(100);
    const Ref source(from.try_alloc()), target(to.try_alloc());
    ASSERT_TRUE(from.provider().copy_engine().copy_in(std::array{CopyIn{source.get(), 7, bytes}}));
    std::array views = {View(source.share(), 7, 100)};
    Gather gather;
    const auto begun = gather.begin(
        views, {.region = &target.get().region(), .address = target.get().descriptor().address + 13, .size = 100});
    ASSERT_TRUE(begun) << begun.error().message();
    ASSERT_TRUE(gather.wait());
    ASSERT_TRUE(to.provider().copy_engine().copy_out(std::array{CopyOut{got, target.get(), 13}}));
    EXPECT_EQ(got, bytes);
  }

  std::array<PagePoolPtr, 2> pools_;
};

TEST_F(TwoOpenClProviders, GatherBetweenEachOther) {
  EXPECT_EQ(device_of(*pools_[0]), device_of(*pools_[1]));
  expect_gathers(*pools_[0], *pools_[1]);
  expect_gathers(*pools_[1], *pools_[0]);
}

TEST_F(TwoOpenClProviders, EachWorksOnWithoutTheOtherAndTheDeviceGoesWithTheLast) {
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}}) {
    const std::weak_ptr device = dynamic_cast<GpuProvider&>(pools_[0]->provider()).device();
    PagePoolPtr& left = pools_[1 - first];
    pools_[first].reset();
    EXPECT_FALSE(device.expired());
    expect_gathers(*left, *left);
    left.reset();
    EXPECT_TRUE(device.expired());
    SetUp();
    expect_gathers(*pools_[0], *pools_[1]);
  }
}

DeviceCopy in(DeviceAddress to, std::vector<std::byte>& from) {
  return {.direction = DeviceCopy::Direction::to_device, .device = to, .host = from.data(), .size = from.size()};
}
DeviceCopy out(std::vector<std::byte>& to, DeviceAddress from) {
  return {.direction = DeviceCopy::Direction::to_host, .device = from, .host = to.data(), .size = to.size()};
}

TEST_F(OpenCl, CopiesHappenInTheirOrderAcrossBatchesAndMisalignments) {
  const auto device = open_opencl().value();
  const DeviceAddress memory = device->allocate(64 * KiB, 4096).value();
  for (std::size_t at = 0; at < 16; ++at) {
    std::vector<std::byte> first(10'001, std::byte{1}), second(5'000, std::byte{2}), got(10'001);
    const auto one = device->enqueue(std::array{in(memory + at, first), in(memory + at + 17, second)}).value();
    const auto two = device->enqueue(std::array{out(got, memory + at)}).value();
    ASSERT_TRUE(device->wait(two));
    ASSERT_TRUE(device->wait(one));
    std::copy(second.begin(), second.end(), first.begin() + 17);
    EXPECT_EQ(got, first) << at;
  }
  device->free(memory);
}

TEST_F(OpenCl, PollTellsOnceThatABatchIsDone) {
  const auto device = open_opencl().value();
  const DeviceAddress memory = device->allocate(8 * MiB, 4096).value();
  std::vector<std::byte> bytes(8 * MiB, std::byte{7}), got(8 * MiB);
  const auto written = device->enqueue(std::array{in(memory, bytes)}).value();
  const auto read = device->enqueue(std::array{out(got, memory)}).value();
  for (const DeviceTicket ticket : {read, written}) {
    Result<bool> done = false;
    while (done && !*done) {
      done = device->poll(ticket);
      std::this_thread::yield();
    }
    ASSERT_TRUE(done) << done.error().message();
  }
  EXPECT_EQ(got, bytes);
  device->free(memory);
}

TEST_F(OpenCl, ABatchThatNobodyWaitedForIsOverWhenTheDeviceIsClosed) {
  auto device = open_opencl().value();
  const DeviceAddress memory = device->allocate(MiB, 4096).value();
  std::vector<std::byte> bytes(MiB, std::byte{7}), got(MiB);
  ASSERT_TRUE(device->enqueue(std::array{in(memory, bytes), out(got, memory)}));
  const auto last = device->enqueue({}).value();  // after the others
  ASSERT_TRUE(device->wait(last));
  std::vector<std::byte> byte(1);
  ASSERT_TRUE(device->wait(device->enqueue(std::array{out(byte, memory)}).value()));
  device->free(memory);
  device.reset();
  EXPECT_EQ(got, bytes);
}

using OpenClDeathTest = OpenCl;

TEST_F(OpenClDeathTest, MisuseOfTheDeviceIsNamed) {
  const auto device = open_opencl().value();
  const DeviceAddress memory = device->allocate(4096, 4096).value();
  std::vector<std::byte> bytes(4096);
  const auto ended = device->enqueue(std::array{in(memory, bytes)}).value();
  ASSERT_TRUE(device->wait(ended));
  EXPECT_DEATH(static_cast<void>(device->wait(ended)), "ticket 1 has ended, or never was");
  EXPECT_DEATH(static_cast<void>(device->poll(DeviceTicket{77})), "ticket 77 has ended, or never was");
  EXPECT_DEATH(static_cast<void>(device->enqueue(std::array{in(memory + 1, bytes)})), "no buffer has 4096 bytes at");
  EXPECT_DEATH(device->free(memory + 1), "no buffer begins at");
  device->free(memory);
}

// The real library, with calls that fail as `broken` says.
struct Broken {
  cl::Library real;
  int writes_until_failure = 1 << 30;
  int events_until_failure = 1 << 30;
  int writes = 0, launches = 0;
  cl::Uint waited = 0;  // events
  bool no_context = false, no_queue = false, no_buffer = false, no_migration = false, no_compiler = false,
       no_launch = false;
};
Broken broken;

cl::Library breakable() {
  broken = {.real = *cl::library().value()};
  cl::Library library = broken.real;
  library.create_context = [](auto... arguments) -> cl::Context {
    if (!broken.no_context) return broken.real.create_context(arguments...);
    *std::get<sizeof...(arguments) - 1>(std::tuple(arguments...)) = -2;
    return nullptr;
  };
  library.create_command_queue = [](cl::Context context, cl::Device device, cl::Ulong properties, cl::Int* status) {
    if (!broken.no_queue) return broken.real.create_command_queue(context, device, properties, status);
    *status = -6;
    return cl::Queue{};
  };
  library.create_buffer = [](cl::Context context, cl::Ulong flags, std::size_t size, void* host, cl::Int* status) {
    if (!broken.no_buffer) return broken.real.create_buffer(context, flags, size, host, status);
    *status = -61;
    return cl::Memory{};
  };
  library.build_program = [](auto... arguments) {
    return broken.no_compiler ? cl::Int{-11} : broken.real.build_program(arguments...);
  };
  library.get_program_build_info = [](cl::Program program, cl::Device device, cl::Uint what, std::size_t room,
                                      void* value, std::size_t* size) {
    if (!broken.no_compiler) return broken.real.get_program_build_info(program, device, what, room, value, size);
    if (size != nullptr) *size = 10;
    if (value != nullptr) std::memcpy(value, "kernels\n1", 10);
    return cl::kSuccess;
  };
  library.enqueue_nd_range_kernel = [](auto... arguments) {
    ++broken.launches;
    return broken.no_launch ? cl::Int{-54} : broken.real.enqueue_nd_range_kernel(arguments...);
  };
  library.enqueue_migrate_mem_objects = [](auto... arguments) {
    return broken.no_migration ? cl::Int{-4} : broken.real.enqueue_migrate_mem_objects(arguments...);
  };
  library.enqueue_write_buffer = [](auto... arguments) {
    ++broken.writes;
    return broken.writes_until_failure-- == 0 ? cl::Int{-5} : broken.real.enqueue_write_buffer(arguments...);
  };
  // An event that fails makes every wait for it fail, as the specification has it.
  library.wait_for_events = [](cl::Uint count, const cl::Event* events) {
    const cl::Int waited = broken.real.wait_for_events(count, events);
    broken.waited += count;
    return broken.events_until_failure < 1 << 20 ? cl::Int{-14} : waited;
  };
  library.get_event_info = [](cl::Event event, cl::Uint what, std::size_t room, void* value, std::size_t* size) {
    const cl::Int asked = broken.real.get_event_info(event, what, room, value, size);
    if (*static_cast<cl::Int*>(value) == cl::kComplete && broken.events_until_failure-- == 0)
      *static_cast<cl::Int*>(value) = -5;
    return asked;
  };
  return library;
}

class BrokenOpenCl : public OpenCl {
 protected:
  void SetUp() override {
    OpenCl::SetUp();
    if (IsSkipped()) return;
    library_ = breakable();
    ASSERT_EQ(library_.get_platform_ids(1, &platform_, nullptr), cl::kSuccess);
    ASSERT_EQ(library_.get_device_ids(platform_, cl::kDeviceTypeAll, 1, &device_, nullptr), cl::kSuccess);
  }
  Result<std::shared_ptr<DeviceApi>> open() {
    return OpenClApi::open(library_, {.name = "x", .platform_name = "y", .largest = GiB}, platform_, device_);
  }

  cl::Library library_{};
  cl::Platform platform_ = nullptr;
  cl::Device device_ = nullptr;
};

TEST_F(BrokenOpenCl, WhatTheDeviceRefusesAtOpeningHasItsName) {
  broken.no_context = true;
  EXPECT_EQ(
      open().error().message(),
      "cannot open opencl:0.0 (x of y): the device says CL_DEVICE_NOT_AVAILABLE (-2); see what clinfo says about it");
  broken.no_context = false;
  broken.no_queue = true;
  EXPECT_THAT(open().error().message(), HasSubstr("CL_OUT_OF_HOST_MEMORY (-6)"));
}

TEST_F(BrokenOpenCl, AFullDeviceIsToldAtTheAllocation) {
  const auto device = open().value();
  broken.no_buffer = true;
  EXPECT_EQ(device->allocate(4096, 4096).error().message(),
            "cannot allocate 4 KiB on opencl:0.0 (x of y): the device says CL_INVALID_BUFFER_SIZE (-61); ask for less");
  broken.no_buffer = false;
  broken.no_migration = true;
  EXPECT_THAT(device->allocate(4096, 4096).error().message(), HasSubstr("CL_MEM_OBJECT_ALLOCATION_FAILURE (-4)"));
}

TEST_F(BrokenOpenCl, ABatchThatFailsHalfwayIsOverAndTheNextIsWell) {
  const auto device = open().value();
  const DeviceAddress memory = device->allocate(MiB, 4096).value();
  std::vector<std::byte> bytes(MiB / 2, std::byte{9}), got(MiB / 2);
  broken.writes_until_failure = 1;
  const auto failed = device->enqueue(std::array{in(memory, bytes), in(memory + MiB / 2, bytes)});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(),
            "cannot copy 512 KiB to opencl:0.0 (x of y): the device says CL_OUT_OF_RESOURCES (-5)");
  std::ranges::fill(bytes, std::byte{});  // nothing reads them any more
  ASSERT_TRUE(device->wait(device->enqueue(std::array{out(got, memory)}).value()));
  EXPECT_EQ(std::ranges::count(got, std::byte{9}), static_cast<std::ptrdiff_t>(got.size()));
  device->free(memory);
}

TEST_F(BrokenOpenCl, ACopyThatFailsOnTheDeviceIsToldByWaitAndByPoll) {
  const auto device = open().value();
  const DeviceAddress memory = device->allocate(MiB, 4096).value();
  std::vector<std::byte> bytes(1000);
  const auto waited = device->enqueue(std::array{in(memory, bytes), in(memory + 2000, bytes)}).value();
  broken.events_until_failure = 1;
  const auto by_wait = device->wait(waited);
  ASSERT_FALSE(by_wait);
  EXPECT_EQ(by_wait.error().message(), "cannot copy on opencl:0.0 (x of y): the device says CL_OUT_OF_RESOURCES (-5)");
  broken.events_until_failure = 1 << 30;
  const auto polled = device->enqueue(std::array{in(memory, bytes)}).value();
  Result<bool> by_poll = false;
  broken.events_until_failure = 1;  // once seen complete by poll, then failed when it ends
  while (by_poll && !*by_poll) by_poll = device->poll(polled);
  ASSERT_FALSE(by_poll);
  EXPECT_THAT(by_poll.error().message(), HasSubstr("CL_OUT_OF_RESOURCES (-5)"));
  broken.events_until_failure = 1 << 30;
  ASSERT_TRUE(device->wait(device->enqueue(std::array{in(memory, bytes)}).value()));
  device->free(memory);
}

TEST_F(BrokenOpenCl, KernelsThatDoNotCompileAreToldWithTheCompilersWords) {
  const auto device = open().value();
  const DeviceAddress memory = device->allocate(4096, 4096).value();
  broken.no_compiler = true;
  EXPECT_EQ(
      device->enqueue_gather(memory, {}, memory).error().message(),
      "cannot compile kernels for opencl:0.0 (x of y): the device says CL_BUILD_PROGRAM_FAILURE (-11): kernels 1; "
      "see what clinfo says about its compiler");
  broken.no_compiler = false;
  EXPECT_TRUE(device->wait(device->enqueue_gather(memory, {}, memory).value()));  // tried again
  device->free(memory);
}

TEST_F(BrokenOpenCl, ALaunchThatIsRefusedOrFailsIsAnErrorAndTheNextIsWell) {
  const auto device = open().value();
  const DeviceAddress memory = device->allocate(64 * KiB, 4096).value();
  const auto gather = [&] { return device->enqueue_gather(memory, std::array{DeviceMove{0, 8192, 100}}, memory); };
  std::array<std::uint32_t, 1> crcs{};
  broken.no_launch = true;
  EXPECT_EQ(gather().error().message(),
            "cannot gather on opencl:0.0 (x of y): the device says CL_INVALID_WORK_GROUP_SIZE (-54)");
  EXPECT_THAT(device->enqueue_digest(memory, std::array{DeviceRange{0, 5}}, crcs).error().message(),
              HasSubstr("cannot compute digests on opencl:0.0 (x of y): the device says CL_INVALID_WORK_GROUP_SIZE"));
  broken.no_launch = false;
  const auto failing = gather().value();
  broken.events_until_failure = 1;
  EXPECT_EQ(device->wait(failing).error().message(),
            "cannot gather on opencl:0.0 (x of y): the device says CL_OUT_OF_RESOURCES (-5)");
  broken.events_until_failure = 1 << 30;
  EXPECT_TRUE(device->wait(gather().value()));
  device->free(memory);
}

// Small copies into memory of a device whose calls are counted and fail.
struct SmallOpenClCopies : BrokenOpenCl {
  static constexpr std::size_t kCopies = 4000, kSize = 512;

  void SetUp() override {
    BrokenOpenCl::SetUp();
    if (IsSkipped()) return;
    device = open().value();
    memory = device->allocate(32 * MiB, 4096).value();
    for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<std::byte>(i / 3);
    for (std::size_t i = 0; i < kCopies; ++i) add(i * 7 % kCopies * kSize, i * 700, kSize);
  }
  void TearDown() override {
    if (device != nullptr) device->free(memory);
  }
  void add(std::size_t from, std::size_t to, std::size_t size) {
    copies.push_back({DeviceCopy::Direction::to_device, memory + to, host.data() + from, size});
  }
  void expect_copied() {
    std::vector<std::byte> got(32 * MiB);
    ASSERT_TRUE(device->wait(device->enqueue(std::array{out(got, memory)}).value()));
    for (const DeviceCopy& copy : copies)
      ASSERT_EQ(std::memcmp(copy.host, &got[copy.device - memory], copy.size), 0) << copy.device - memory;
  }
  void wipe() {
    std::vector<std::byte> zeros(32 * MiB);
    ASSERT_TRUE(device->wait(device->enqueue(std::array{in(memory, zeros)}).value()));
    broken.writes = broken.launches = 0;
  }

  std::shared_ptr<DeviceApi> device;
  DeviceAddress memory = 0;
  std::vector<std::byte> host = std::vector<std::byte>(16 * MiB);
  std::vector<DeviceCopy> copies;
};

TEST_F(SmallOpenClCopies, ThousandsAreOneTransferAndOneLaunch) {
  wipe();
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  EXPECT_EQ(broken.writes, 1);
  EXPECT_EQ(broken.launches, 1);
  expect_copied();
}

TEST_F(SmallOpenClCopies, LargeOnesAmongThemAreATransferEach) {
  for (std::size_t i = 0; i < 5; ++i) add(i * MiB, 8 * MiB + i * MiB, 12 * KiB + i);
  std::ranges::reverse(copies);
  wipe();
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  EXPECT_EQ(broken.writes, 6);
  EXPECT_EQ(broken.launches, 1);
  expect_copied();
}

TEST_F(SmallOpenClCopies, WhatIsBeyondTheRoomForThemIsATransferEach) {
  copies.clear();
  for (std::size_t i = 0; i < 1100; ++i) add(i * 8192, i * 9000, 8192);  // 1024 with their tables do not fit
  wipe();
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  EXPECT_EQ(broken.launches, 1);
  EXPECT_GT(broken.writes, 1 + 1100 - 1024);
  EXPECT_LT(broken.writes, 100);
  expect_copied();
}

TEST_F(SmallOpenClCopies, FewAreATransferEach) {
  copies.resize(8);
  wipe();
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  EXPECT_EQ(broken.writes, 8);
  EXPECT_EQ(broken.launches, 0);
  expect_copied();
}

TEST_F(SmallOpenClCopies, WithoutKernelsOrRoomOnTheDeviceTheyAreTransfers) {
  wipe();
  broken.no_buffer = true;
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  EXPECT_EQ(broken.writes, static_cast<int>(kCopies));
  expect_copied();
  broken.no_buffer = false;
  device->free(memory);
  device = open().value();
  memory = device->allocate(32 * MiB, 4096).value();
  copies.clear();
  for (std::size_t i = 0; i < 100; ++i) add((99 - i) * kSize, i * 700, kSize);
  wipe();
  broken.no_compiler = true;
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  broken.no_compiler = false;  // not tried again by copies
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  EXPECT_EQ(broken.writes, 200);
  EXPECT_EQ(broken.launches, 0);
  expect_copied();
}

TEST_F(SmallOpenClCopies, AfterACallThatFailsNothingIsUnderWayAndTheNextIsWell) {
  for (std::size_t i = 0; i < 2; ++i) add(i * MiB, 8 * MiB + i * MiB, 12 * KiB);
  for (int failing = 0; failing < 4; ++failing) {  // two of large copies, that of packed ones, the launch
    wipe();
    if (failing == 3) broken.no_launch = true;
    if (failing < 3) broken.writes_until_failure = failing;
    broken.waited = 0;
    const auto refused = device->enqueue(copies);
    ASSERT_FALSE(refused) << failing;
    EXPECT_THAT(refused.error().message(), HasSubstr(failing == 3 ? "CL_INVALID_WORK_GROUP_SIZE (-54)" : "(-5)"));
    EXPECT_EQ(broken.waited, static_cast<cl::Uint>(failing));  // what was enqueued before
    broken.no_launch = false;
    ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
    expect_copied();
  }
}

TEST_F(SmallOpenClCopies, ALaunchThatFailsOnTheDeviceIsToldByWait) {
  const auto ticket = device->enqueue(copies).value();
  broken.events_until_failure = 1;  // the launch, behind its transfer
  EXPECT_EQ(device->wait(ticket).error().message(),
            "cannot copy on opencl:0.0 (x of y): the device says CL_OUT_OF_RESOURCES (-5)");
  broken.events_until_failure = 1 << 30;
  ASSERT_TRUE(device->wait(device->enqueue(copies).value()));
  expect_copied();
}

// A program with a context and buffers of its own.
class ProgramsOpenCl : public OpenCl {
 protected:
  void SetUp() override {
    OpenCl::SetUp();
    if (IsSkipped()) return;
    cl::Platform platform = nullptr;
    cl::Device device = nullptr;
    ASSERT_EQ(cl_->get_platform_ids(1, &platform, nullptr), cl::kSuccess);
    ASSERT_EQ(cl_->get_device_ids(platform, cl::kDeviceTypeAll, 1, &device, nullptr), cl::kSuccess);
    const cl::Property properties[] = {cl::kContextPlatform, reinterpret_cast<cl::Property>(platform), 0};
    cl::Int status = 0;
    context_ = cl_->create_context(properties, 1, &device, nullptr, nullptr, &status);
    ASSERT_EQ(status, cl::kSuccess);
  }
  void TearDown() override {
    if (context_ != nullptr) cl_->release_context(context_);
  }
  std::uintptr_t buffer(std::size_t size, cl::Ulong flags = cl::kMemReadWrite) {
    cl::Int status = 0;
    cl::Memory memory = cl_->create_buffer(context_, flags, size, nullptr, &status);
    EXPECT_EQ(status, cl::kSuccess);
    return reinterpret_cast<std::uintptr_t>(memory);
  }
  void release(std::uintptr_t buffer) { cl_->release_mem_object(reinterpret_cast<cl::Memory>(buffer)); }

  const cl::Library* cl_ = cl::library().value_or(nullptr);
  cl::Context context_ = nullptr;
};

TEST_F(ProgramsOpenCl, ItsBufferIsUsedInItsContextAndStaysItsOwn) {
  const std::uintptr_t programs = buffer(64 * KiB);
  std::vector<std::byte> bytes(1000, std::byte{3}), got(1000);
  cl::Int status = 0;
  {
    const auto provider = make_gpu_provider(open_opencl_in(context_).value(),
                                            {.size = 64 * KiB, .page_size = 16 * KiB, .handle = programs})
                              .value();
    auto pages = grant_all(*provider);
    std::ranges::sort(pages, {}, [](Netmem page) { return page.index(); });
    ASSERT_TRUE(provider->copy_engine().copy_in(std::array{CopyIn{pages[1], 10, bytes}}));
    reclaim_all(*provider, pages);
  }
  cl::Context of = nullptr;
  ASSERT_EQ(cl_->get_mem_object_info(reinterpret_cast<cl::Memory>(programs), cl::kMemContext, sizeof(of), &of, nullptr),
            cl::kSuccess);
  EXPECT_EQ(of, context_);
  cl::Device device = nullptr;
  cl_->get_context_info(context_, cl::kContextDevices, sizeof(device), &device, nullptr);
  cl::Queue queue = cl_->create_command_queue(context_, device, 0, &status);
  ASSERT_EQ(cl_->enqueue_read_buffer(queue, reinterpret_cast<cl::Memory>(programs), 1, 16 * KiB + 10, 1000, got.data(),
                                     0, nullptr, nullptr),
            cl::kSuccess);
  EXPECT_EQ(got, bytes);
  cl_->release_command_queue(queue);
  release(programs);
}

TEST_F(ProgramsOpenCl, ABufferThatCannotBeAdoptedIsRefusedWithTheReason) {
  const auto here = open_opencl_in(context_).value(), elsewhere = open_opencl().value();
  const auto refusal = [](DeviceApi& device, std::uintptr_t handle, std::size_t size) {
    const auto adopted = device.adopt(handle, size);
    return adopted ? "adopted" : adopted.error().message();
  };
  const std::uintptr_t good = buffer(8192), readable = buffer(8192, cl::kMemReadOnly),
                       hidden = buffer(8192, cl::kMemReadWrite | cl::kMemHostNoAccess);
  const std::string who = "cannot adopt an OpenCL buffer on " + here->describe() + ": ";
  EXPECT_EQ(refusal(*here, 0, 1), who + "the device says CL_INVALID_MEM_OBJECT (-38); give the cl_mem of a buffer");
  EXPECT_EQ(refusal(*here, good, 8193), who + "it has 8192 bytes and not 8193");
  EXPECT_EQ(refusal(*here, readable, 8192),
            who + "kernels may not both read and write it; make it with CL_MEM_READ_WRITE");
  EXPECT_EQ(refusal(*here, hidden, 8192),
            who + "the host may not both read and write it; make it without CL_MEM_HOST_ flags");
  EXPECT_THAT(refusal(*elsewhere, good, 8192),
              HasSubstr("it belongs to another context; open the device with open_opencl_in and that context"));
  for (const std::uintptr_t one : {good, readable, hidden}) release(one);
}

// Also with a context of netmem's on the same device, whose memory is another's.
TEST_F(ProgramsOpenCl, OneContextIsOneDeviceForAllWhoOpenIt) {
  const auto here = open_opencl_in(context_).value(), again = open_opencl_in(context_).value();
  EXPECT_EQ(here, again);
  EXPECT_NE(here, open_opencl().value());
}

TEST_F(ProgramsOpenCl, KernelsAreCompiledForSeveralContextsAtTheSameTime) {
  const std::array devices = {open_opencl_in(context_).value(), open_opencl().value()};
  std::atomic<std::size_t> next = 0;
  for (const std::string& done : at_once([&]() -> std::string {
         DeviceApi& device = *devices[next++ % devices.size()];
         const DeviceAddress memory = device.allocate(64 * KiB, 4096).value();
         const auto ticket = device.enqueue_gather(memory, std::array{DeviceMove{0, 8192, 100}}, memory);
         const Result<void> ended = ticket ? device.wait(*ticket) : std::unexpected(ticket.error());
         device.free(memory);
         return ended ? "" : ended.error().message();
       }))
    EXPECT_EQ(done, "");
}

TEST_F(ProgramsOpenCl, AContextThatIsNoneIsRefused) {
  EXPECT_EQ(open_opencl_in(nullptr).error().message(),
            "cannot open a device of an OpenCL context: there is none; give a cl_context");
  int no_device = 0;
  EXPECT_EQ(open_opencl_in(context_, &no_device).error().message(),
            "cannot open a device of an OpenCL context: the context does not have this device; give a cl_device_id of "
            "the context");
}

TEST_F(OpenCl, AnExportIsRefusedWithTheReason) {
  const auto provider = make_opencl_provider({.size = 4096}).value();
  EXPECT_THAT(provider->export_dmabuf().error().message(), HasSubstr("as a dma-buf: OpenCL has no way to do that"));
}

}  // namespace
}  // namespace netmem
