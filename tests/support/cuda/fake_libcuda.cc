// A libcuda.so.1 for tests: two GPUs whose memory the CPU cannot touch, whose copies and kernels happen as late as they
// may. NETMEM_FAKE_CUDA in the environment breaks it: no_device, no_gpus, old_driver, full, no_context, refused_copy,
// failed_copy, bad_ptx, refused_launch, no_pinned, no_dmabuf, refused_export, locked_limit, managed, other_gpu. Built
// with FAKE_CUDA_LACKS_A_SYMBOL it has neither cuEventQuery nor cuMemGetHandleForAddressRange. Aborts when something is
// left behind.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "netmem/providers/gpu/cuda/library.h"
#include "tests/support/cuda/kernels_on_host.h"

namespace {

using namespace netmem::cuda;  // NOLINT(google-build-using-namespace): its types only

constexpr Status kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kInvalidDevice = 101, kInvalidContext = 201,
                 kInvalidPtx = 218, kNotFound = 500, kIllegalAddress = 700, kNotRegistered = 713, kNotSupported = 801;
constexpr std::size_t kHole = 256;  // what large allocations begin at, for drivers promise no more

struct Memory {
  void* range;  // nobody may touch it
  std::size_t range_size;
  std::vector<std::byte> bytes;
};
std::mutex mutex;
bool started = false;
int contexts = 0, streams = 0, events = 0, modules = 0;
thread_local int current = 0;
std::map<Address, Memory> memory;
std::deque<std::function<void()>> waiting;
std::map<std::byte*, std::size_t> pinned;      // allocated
std::map<std::byte*, std::size_t> registered;  // the program's
std::uint64_t enqueued = 0, done = 0;
std::map<Event, std::uint64_t> recorded;  // what must be done first

bool broken(const char* how) {
  const char* const what = std::getenv("NETMEM_FAKE_CUDA");
  return what != nullptr && std::strcmp(what, how) == 0;
}

void run_until(std::uint64_t number) {
  for (; done < number; ++done, waiting.pop_front()) waiting.front()();
}

Memory* memory_of(Address address, Address& begin) {
  const auto after = memory.upper_bound(address);
  if (after == memory.begin()) return nullptr;
  begin = std::prev(after)->first;
  Memory& there = std::prev(after)->second;
  return address - begin < there.bytes.size() ? &there : nullptr;
}

// Where the bytes are that a GPU sees at an address: in its memory, or in registered memory of the host.
std::byte* bytes_at(Address address, std::size_t size) {
  Address begin = 0;
  if (Memory* const there = memory_of(address, begin)) {
    if (address - begin + size > there->bytes.size()) std::abort();
    return there->bytes.data() + (address - begin);
  }
  auto* const host = reinterpret_cast<std::byte*>(address);
  const auto after = registered.upper_bound(host);
  if (after == registered.begin() || host + size > std::prev(after)->first + std::prev(after)->second) std::abort();
  return host;
}

Status enqueue(std::function<void()> work, bool refused) {
  const std::scoped_lock lock(mutex);
  if (current == 0) return kInvalidContext;
  if (refused) return kOutOfMemory;
  waiting.push_back(std::move(work));
  ++enqueued;
  return kSuccess;
}

template <class Value>
Value argument(void** arguments, int index) {
  return *static_cast<Value*>(arguments[index]);
}

std::function<void()> gather(unsigned groups, unsigned items, void** arguments) {
  const auto from = argument<Address>(arguments, 0), to = argument<Address>(arguments, 2),
             tiles = argument<Address>(arguments, 3);
  const auto size = argument<std::uint64_t>(arguments, 1);
  return [=] {
    auto* const source = reinterpret_cast<unsigned char*>(bytes_at(from, size));
    auto* const target = reinterpret_cast<unsigned char*>(bytes_at(to, 1));
    auto* const table = reinterpret_cast<std::uint64_t*>(bytes_at(tiles, groups * 24));
    for (unsigned i = 0; i < groups; ++i) {
      const std::uint64_t* const tile = table + i * std::uint64_t{3};
      if (tile[0] > size || tile[2] > size - tile[0]) std::abort();
      bytes_at(to + tile[1], tile[2]);
    }
    kernels_on_host::readable = reinterpret_cast<std::byte*>(source);
    kernels_on_host::readable_end = kernels_on_host::readable + size;
    kernels_on_host::run(groups, items, [=] { kernels_on_host::netmem_gather(source, size, target, table); });
    kernels_on_host::readable = kernels_on_host::readable_end = nullptr;
  };
}

std::function<void()> digest(unsigned groups, unsigned items, void** arguments) {
  const auto from = argument<Address>(arguments, 0), tiles = argument<Address>(arguments, 1),
             tables = argument<Address>(arguments, 3);
  const auto results = argument<std::uint64_t>(arguments, 2);
  return [=] {
    auto* const source = reinterpret_cast<unsigned char*>(bytes_at(from, 1));
    auto* const table = reinterpret_cast<std::uint64_t*>(bytes_at(tiles, groups * 40));
    auto* const looked_up = reinterpret_cast<std::uint32_t*>(bytes_at(tables, 8192));
    kernels_on_host::run(groups, items, [=] { kernels_on_host::netmem_digest(source, table, results, looked_up); });
  };
}

void expect_nothing_left() {
  if (memory.empty() && pinned.empty() && registered.empty() && streams == 0 && events == 0 && modules == 0) return;
  std::fprintf(stderr,
               "fake libcuda: %zu allocations, %zu of the host, %zu registrations, %d streams, %d events, %d "
               "modules are left\n",
               memory.size(), pinned.size(), registered.size(), streams, events, modules);
  std::abort();
}

}  // namespace

extern "C" {

Status cuInit(unsigned) {
  if (broken("no_device")) return kNoDevice;
  started = true;
  return kSuccess;
}
Status cuDriverGetVersion(int* version) {
  *version = broken("old_driver") ? 10020 : 12040;
  return kSuccess;
}
Status cuGetErrorName(Status status, const char** name) {
  static const std::map<Status, const char*> kNames = {
      {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED"},
      {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
      {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE"},
      {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
      {kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},
      {kInvalidPtx, "CUDA_ERROR_INVALID_PTX"},
      {kNotSupported, "CUDA_ERROR_NOT_SUPPORTED"},
      {kHostMemoryAlreadyRegistered, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"},
      {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"}};
  const auto found = kNames.find(status);
  *name = found == kNames.end() ? nullptr : found->second;
  return *name == nullptr ? 1 : kSuccess;
}
Status cuDeviceGetCount(int* count) {
  *count = broken("no_gpus") ? 0 : 2;
  return started ? kSuccess : kNotInitialized;
}
Status cuDeviceGet(Device* device, int ordinal) {
  *device = ordinal;
  return ordinal < 2 ? kSuccess : kInvalidDevice;
}
Status cuDeviceGetName(char* name, int room, Device device) {
  std::snprintf(name, static_cast<std::size_t>(room), "Fake %d", device);
  return kSuccess;
}
Status cuDevicePrimaryCtxRetain(Context* context, Device) {
  if (broken("no_context")) return kOutOfMemory;
  const std::scoped_lock lock(mutex);
  ++contexts;
  *context = reinterpret_cast<Context>(&contexts);
  return kSuccess;
}
Status cuDevicePrimaryCtxRelease_v2(Device) {
  const std::scoped_lock lock(mutex);
  if (--contexts == 0) expect_nothing_left();
  return kSuccess;
}
Status cuCtxPushCurrent_v2(Context) {
  ++current;
  return kSuccess;
}
Status cuCtxPopCurrent_v2(Context*) {
  --current;
  return kSuccess;
}
Status cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  *free = std::size_t{1} << 30;
  *total = std::size_t{80} << 30;
  return kSuccess;
}
Status cuMemAlloc_v2(Address* address, std::size_t size) {
  const std::scoped_lock lock(mutex);
  if (current == 0) return kInvalidContext;
  if (broken("full") || size > std::size_t{1} << 30) return kOutOfMemory;
  const std::size_t hole = size < std::size_t{1} << 20 ? 0 : kHole;
  void* range = ::mmap(nullptr, size + hole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return kOutOfMemory;
  *address = reinterpret_cast<Address>(range) + hole;
  memory.emplace(*address, Memory{range, size + hole, std::vector<std::byte>(size)});
  return kSuccess;
}
Status cuMemFree_v2(Address address) {
  const std::scoped_lock lock(mutex);
  run_until(enqueued);  // it waits for the device
  const auto found = memory.find(address);
  if (found == memory.end()) std::abort();
  ::munmap(found->second.range, found->second.range_size);
  memory.erase(found);
  return kSuccess;
}
Status cuMemcpyHtoDAsync_v2(Address to, const void* from, std::size_t size, Stream) {
  return enqueue([=] { std::memcpy(bytes_at(to, size), from, size); }, broken("refused_copy"));
}
Status cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t size, Stream) {
  return enqueue([=] { std::memcpy(to, bytes_at(from, size), size); }, false);
}
Status cuMemcpyDtoDAsync_v2(Address to, Address from, std::size_t size, Stream) {
  return enqueue([=] { std::memmove(bytes_at(to, size), bytes_at(from, size), size); }, broken("refused_copy"));
}
Status cuDeviceGetAttribute(int* value, int attribute, Device) {
  *value = broken("no_dmabuf") ? 0 : 1;
  return attribute == kAttributeDmaBufSupported ? kSuccess : kInvalidValue;
}
Status cuMemGetAddressRange_v2(Address* begin, std::size_t* size, Address address) {
  const std::scoped_lock lock(mutex);
  const Memory* const there = memory_of(address, *begin);
  if (there == nullptr) return kInvalidValue;
  *size = there->bytes.size();
  return kSuccess;
}
Status cuPointerGetAttribute(void* value, int attribute, Address address) {
  const std::scoped_lock lock(mutex);
  Address begin = 0;
  const bool device = memory_of(address, begin) != nullptr;
  if (!device && !pinned.contains(reinterpret_cast<std::byte*>(address)) &&
      !registered.contains(reinterpret_cast<std::byte*>(address)))
    return kInvalidValue;
  int answer = broken("managed") ? 1 : 0;
  if (attribute == kPointerMemoryType) answer = device ? 2 : 1;
  if (attribute == kPointerDeviceOrdinal) answer = broken("other_gpu") ? 7 : 0;
  std::memcpy(value, &answer, sizeof answer);
  return kSuccess;
}
Status cuMemHostAlloc(void** host, std::size_t size, unsigned) {
  const std::scoped_lock lock(mutex);
  if (broken("no_pinned")) return kOutOfMemory;
  auto* const bytes = new std::byte[size];
  pinned.emplace(bytes, size);
  *host = bytes;
  return kSuccess;
}
Status cuMemFreeHost(void* host) {
  const std::scoped_lock lock(mutex);
  run_until(enqueued);
  if (pinned.erase(static_cast<std::byte*>(host)) != 1) std::abort();
  delete[] static_cast<std::byte*>(host);
  return kSuccess;
}
Status cuMemHostRegister_v2(void* host, std::size_t size, unsigned) {
  const std::scoped_lock lock(mutex);
  if (broken("locked_limit")) return kOutOfMemory;
  auto* const begin = static_cast<std::byte*>(host);
  for (const auto& [other, other_size] : registered)
    if (begin < other + other_size && other < begin + size) return kHostMemoryAlreadyRegistered;
  registered.emplace(begin, size);
  return kSuccess;
}
Status cuMemHostUnregister(void* host) {
  const std::scoped_lock lock(mutex);
  run_until(enqueued);
  return registered.erase(static_cast<std::byte*>(host)) == 1 ? kSuccess : kNotRegistered;
}
Status cuMemHostGetDevicePointer_v2(Address* address, void* host, unsigned) {
  *address = reinterpret_cast<Address>(host);
  return kSuccess;
}
Status cuModuleLoadDataEx(Module* module, const void* image, unsigned, int*, void** values) {
  const std::scoped_lock lock(mutex);
  if (current == 0) return kInvalidContext;
  if (broken("bad_ptx") || std::strstr(static_cast<const char*>(image), ".visible .entry netmem_gather(") == nullptr) {
    std::strcpy(static_cast<char*>(values[0]), "ptxas fatal:\nUnexpected");
    return kInvalidPtx;
  }
  ++modules;
  *module = reinterpret_cast<Module>(&modules);
  return kSuccess;
}
Status cuModuleUnload(Module) {
  const std::scoped_lock lock(mutex);
  --modules;
  return kSuccess;
}
Status cuModuleGetFunction(Function* function, Module, const char* name) {
  const bool gathers = std::strcmp(name, "netmem_gather") == 0;
  if (!gathers && std::strcmp(name, "netmem_digest") != 0) return kNotFound;
  *function = reinterpret_cast<Function>(static_cast<std::uintptr_t>(gathers ? 1 : 2));
  return kSuccess;
}
Status cuLaunchKernel(Function function, unsigned groups, unsigned, unsigned, unsigned items, unsigned, unsigned,
                      unsigned, Stream, void** arguments, void**) {
  const bool gathers = function == reinterpret_cast<Function>(std::uintptr_t{1});
  return enqueue((gathers ? gather : digest)(groups, items, arguments), broken("refused_launch"));
}
Status cuStreamCreate(Stream* stream, unsigned) {
  const std::scoped_lock lock(mutex);
  if (current == 0) return kInvalidContext;
  ++streams;
  *stream = reinterpret_cast<Stream>(&streams);
  return kSuccess;
}
Status cuStreamSynchronize(Stream) {
  const std::scoped_lock lock(mutex);
  run_until(enqueued);
  return kSuccess;
}
Status cuStreamDestroy_v2(Stream) {
  const std::scoped_lock lock(mutex);
  --streams;
  return kSuccess;
}
Status cuEventCreate(Event* event, unsigned) {
  const std::scoped_lock lock(mutex);
  if (current == 0) return kInvalidContext;
  ++events;
  *event = reinterpret_cast<Event>(new char);
  return kSuccess;
}
Status cuEventRecord(Event event, Stream) {
  const std::scoped_lock lock(mutex);
  recorded[event] = enqueued;
  return current == 0 ? kInvalidContext : kSuccess;
}
#ifndef FAKE_CUDA_LACKS_A_SYMBOL
// The descriptor is of anonymous memory.
Status cuMemGetHandleForAddressRange(void* handle, Address address, std::size_t size, int, std::uint64_t) {
  const std::scoped_lock lock(mutex);
  if (broken("refused_export")) return kNotSupported;
  bytes_at(address, size);
  const int fd = ::memfd_create("dma-buf of the fake GPU", MFD_CLOEXEC);
  std::memcpy(handle, &fd, sizeof fd);
  return fd >= 0 && ::ftruncate(fd, static_cast<off_t>(size)) == 0 ? kSuccess : kOutOfMemory;
}
// One command happens each time that somebody asks.
Status cuEventQuery(Event event) {
  const std::scoped_lock lock(mutex);
  if (done < recorded[event]) {
    run_until(done + 1);
    return kNotReady;
  }
  return broken("failed_copy") ? kIllegalAddress : kSuccess;
}
#endif
Status cuEventSynchronize(Event event) {
  const std::scoped_lock lock(mutex);
  run_until(recorded[event]);
  return broken("failed_copy") ? kIllegalAddress : kSuccess;
}
Status cuEventDestroy_v2(Event event) {
  const std::scoped_lock lock(mutex);
  --events;
  recorded.erase(event);
  delete reinterpret_cast<char*>(event);
  return kSuccess;
}

}  // extern "C"
