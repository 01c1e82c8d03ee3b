// What netmem calls of the CUDA driver, declared here so that nothing of CUDA is needed to build: types, constants and
// signatures of cuda.h as of CUDA 11.0, with the names that the library exports (cuMemAlloc is cuMemAlloc_v2 there;
// NVIDIA, CUDA Driver API reference). The library is the driver's own, libcuda.so.1; no toolkit is needed to run
// either.
//
// Threads: any; a call works on the context that its thread has made current.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "netmem/base/error.h"

namespace netmem::cuda {

using Status = int;  // CUresult
using Device = int;  // its ordinal, for most purposes
using Context = struct ContextOfDevice*;
using Stream = struct StreamOfContext*;
using Event = struct EventOfContext*;
using Module = struct ModuleOfContext*;
using Function = struct FunctionOfModule*;
using Address = std::uint64_t;  // CUdeviceptr

inline constexpr Status kSuccess = 0;
inline constexpr Status kNoDevice = 100;
inline constexpr Status kHostMemoryAlreadyRegistered = 712;
inline constexpr Status kNotReady = 600;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDisableTiming = 2;
inline constexpr unsigned kMemHostRegisterPortable = 1;
inline constexpr unsigned kMemHostRegisterDeviceMap = 2;
inline constexpr int kAttributeDmaBufSupported = 124;  // CUdevice_attribute
inline constexpr int kPointerMemoryType = 2;           // CUpointer_attribute
inline constexpr int kPointerIsManaged = 8;
inline constexpr int kPointerDeviceOrdinal = 9;
inline constexpr unsigned kMemoryTypeDevice = 2;   // CUmemorytype
inline constexpr int kRangeHandleDmaBufFd = 1;     // CUmemRangeHandleType
inline constexpr int kJitErrorLogBuffer = 5;       // CUjit_option
inline constexpr int kJitErrorLogBufferBytes = 6;  // in: its room; out: what is filled
inline constexpr int kOldestVersion = 11000;       // 1000 * major + 10 * minor

struct Library {
  std::string name;
  Status (*init)(unsigned flags);
  Status (*driver_get_version)(int* version);
  Status (*get_error_name)(Status, const char** name);
  Status (*device_get_count)(int* count);
  Status (*device_get)(Device*, int ordinal);
  Status (*device_get_attribute)(int* value, int attribute, Device);
  Status (*device_get_name)(char* name, int room, Device);
  Status (*device_primary_ctx_retain)(Context*, Device);
  Status (*device_primary_ctx_release)(Device);
  Status (*ctx_push_current)(Context);
  Status (*ctx_pop_current)(Context*);
  Status (*mem_get_info)(std::size_t* free, std::size_t* total);
  Status (*mem_alloc)(Address*, std::size_t size);
  Status (*mem_free)(Address);
  Status (*mem_get_address_range)(Address* begin, std::size_t* size, Address);
  Status (*pointer_get_attribute)(void* value, int attribute, Address);
  Status (*mem_host_alloc)(void** memory, std::size_t size, unsigned flags);
  Status (*mem_free_host)(void* memory);
  Status (*mem_host_register)(void* memory, std::size_t size, unsigned flags);
  Status (*mem_host_unregister)(void* memory);
  Status (*mem_host_get_device_pointer)(Address*, void* memory, unsigned flags);
  Status (*memcpy_htod_async)(Address to, const void* from, std::size_t size, Stream);
  Status (*memcpy_dtoh_async)(void* to, Address from, std::size_t size, Stream);
  Status (*memcpy_dtod_async)(Address to, Address from, std::size_t size, Stream);
  Status (*module_load_data_ex)(Module*, const void* image, unsigned option_count, int* options, void** values);
  Status (*module_unload)(Module);
  Status (*module_get_function)(Function*, Module, const char* name);
  Status (*launch_kernel)(Function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_memory, Stream, void** arguments,
                          void** extra);
  Status (*stream_create)(Stream*, unsigned flags);
  Status (*stream_synchronize)(Stream);
  Status (*stream_destroy)(Stream);
  Status (*event_create)(Event*, unsigned flags);
  Status (*event_record)(Event, Stream);
  Status (*event_query)(Event);
  Status (*event_synchronize)(Event);
  Status (*event_destroy)(Event);
  // Since CUDA 11.7; null before.
  Status (*mem_get_handle_for_address_range)(void* handle, Address, std::size_t size, int type, std::uint64_t flags);

  // "the driver says CUDA_ERROR_OUT_OF_MEMORY (2)"
  [[nodiscard]] std::string says(Status status) const;
};

// Loads `name` and initialises it; the errors say what to install: no library, one that is too old, no device. What was
// loaded stays.
Result<Library> load(const std::string& name);
// libcuda.so.1, loaded once; after an error it is tried again the next time.
Result<const Library*> library();

}  // namespace netmem::cuda
