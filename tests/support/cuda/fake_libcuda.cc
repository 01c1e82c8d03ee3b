// A libcuda.so.1 for tests: two GPUs whose memory the CPU cannot touch, whose copies happen as late as they may.
// NETMEM_FAKE_CUDA in the environment breaks it: no_device, no_gpus, old_driver, full, no_context, refused_copy,
// failed_copy. Built with FAKE_CUDA_LACKS_A_SYMBOL it has no cuEventQuery. Aborts when something is left behind.
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "netmem/providers/cuda_library.h"

namespace {

using namespace netmem::cuda;  // NOLINT(google-build-using-namespace): its types only

constexpr Status kOutOfMemory = 2, kNotInitialized = 3, kInvalidDevice = 101, kInvalidContext = 201,
                 kIllegalAddress = 700;
constexpr std::size_t kHole = 256;  // what large allocations begin at, for drivers promise no more

struct Memory {
  void* range;  // nobody may touch it
  std::size_t range_size;
  std::vector<std::byte> bytes;
};
struct Copy {
  Address device;
  std::byte* host;
  std::size_t size;
  bool in;
};

std::mutex mutex;
bool started = false;
int contexts = 0, streams = 0, events = 0;
thread_local int current = 0;
std::map<Address, Memory> memory;
std::deque<Copy> waiting;
std::uint64_t enqueued = 0, done = 0;
std::map<Event, std::uint64_t> recorded;  // what must be done first

bool broken(const char* how) {
  const char* const what = std::getenv("NETMEM_FAKE_CUDA");
  return what != nullptr && std::strcmp(what, how) == 0;
}

void run_until(std::uint64_t number) {
  for (; done < number; ++done, waiting.pop_front()) {
    const Copy& copy = waiting.front();
    auto& [begin, there] = *std::prev(memory.upper_bound(copy.device));
    std::byte* const at = &there.bytes.at(copy.device - begin);
    std::memcpy(copy.in ? at : copy.host, copy.in ? copy.host : at, copy.size);
  }
}

Status enqueue(const Copy& copy) {
  const std::scoped_lock lock(mutex);
  if (current == 0) return kInvalidContext;
  if (broken("refused_copy") && copy.in) return kOutOfMemory;
  waiting.push_back(copy);
  ++enqueued;
  return kSuccess;
}

void expect_nothing_left() {
  if (memory.empty() && streams == 0 && events == 0) return;
  std::fprintf(stderr, "fake libcuda: %zu allocations, %d streams, %d events are left\n", memory.size(), streams,
               events);
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
  static const std::map<Status, const char*> kNames = {{kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
                                                       {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED"},
                                                       {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
                                                       {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE"},
                                                       {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
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
  return enqueue({to, static_cast<std::byte*>(const_cast<void*>(from)), size, true});
}
Status cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t size, Stream) {
  return enqueue({from, static_cast<std::byte*>(to), size, false});
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
// One copy happens each time that somebody asks.
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
