// What netmem calls of OpenCL, declared here so that nothing of it is needed to build: types, constants and signatures
// of OpenCL 1.2 as in Khronos' OpenCL-Headers (CL/cl.h; CL/cl_ext.h for the ICD loader's own error). The library is the
// ICD loader libOpenCL.so.1, which finds the implementations of the vendors by /etc/OpenCL/vendors/*.icd.
//
// Threads: any; so does OpenCL have it for everything below (OpenCL 1.2 specification, A.2). Implementations differ:
// see one_at_a_time().
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "netmem/base/error.h"

namespace netmem::cl {

using Platform = struct PlatformOfVendor*;
using Device = struct DeviceOfPlatform*;
using Context = struct ContextOfDevices*;
using Queue = struct QueueOfCommands*;
using Memory = struct MemoryObject*;
using Event = struct EventOfCommand*;
using Program = struct ProgramOfContext*;
using Kernel = struct KernelOfProgram*;

using Int = std::int32_t;
using Uint = std::uint32_t;   // also cl_bool and what is asked of an object
using Ulong = std::uint64_t;  // also bit fields
using Property = std::intptr_t;

inline constexpr Int kSuccess = 0;
inline constexpr Int kDeviceNotFound = -1;
inline constexpr Int kInvalidMemObject = -38;
inline constexpr Int kPlatformNotFound = -1001;
inline constexpr Int kComplete = 0;  // of a command; above: not yet; below: the error that ended it

inline constexpr Uint kPlatformName = 0x0902;
inline constexpr Uint kDeviceType = 0x1000;
inline constexpr Uint kDeviceMaxMemAllocSize = 0x1010;
inline constexpr Uint kDeviceName = 0x102B;
inline constexpr Uint kDevicePlatform = 0x1031;
inline constexpr Uint kContextDevices = 0x1081;
inline constexpr Uint kMemType = 0x1100;
inline constexpr Uint kMemFlags = 0x1101;
inline constexpr Uint kMemSize = 0x1102;
inline constexpr Uint kMemContext = 0x1106;
inline constexpr Uint kProgramBuildLog = 0x1183;
inline constexpr Uint kEventCommandExecutionStatus = 0x11D3;
inline constexpr Uint kMemObjectBuffer = 0x10F0;
inline constexpr Ulong kDeviceTypeGpu = 1U << 2;
inline constexpr Ulong kDeviceTypeAll = 0xFFFFFFFF;
inline constexpr Ulong kMemReadWrite = 1U << 0;
inline constexpr Ulong kMemWriteOnly = 1U << 1;
inline constexpr Ulong kMemReadOnly = 1U << 2;
inline constexpr Ulong kMemCopyHostPointer = 1U << 5;
inline constexpr Ulong kMemHostWriteOnly = 1U << 7;
inline constexpr Ulong kMemHostReadOnly = 1U << 8;
inline constexpr Ulong kMemHostNoAccess = 1U << 9;
inline constexpr Ulong kMigrateContentUndefined = 1U << 1;
inline constexpr Property kContextPlatform = 0x1084;

struct Library {
  Int (*get_platform_ids)(Uint room, Platform* platforms, Uint* count);
  Int (*get_platform_info)(Platform, Uint what, std::size_t room, void* value, std::size_t* size);
  Int (*get_device_ids)(Platform, Ulong type, Uint room, Device* devices, Uint* count);
  Int (*get_device_info)(Device, Uint what, std::size_t room, void* value, std::size_t* size);
  Context (*create_context)(const Property* properties, Uint device_count, const Device* devices,
                            void (*notify)(const char*, const void*, std::size_t, void*), void* user, Int* status);
  Int (*retain_context)(Context);
  Int (*release_context)(Context);
  Int (*get_context_info)(Context, Uint what, std::size_t room, void* value, std::size_t* size);
  Queue (*create_command_queue)(Context, Device, Ulong properties, Int* status);
  Int (*release_command_queue)(Queue);
  Memory (*create_buffer)(Context, Ulong flags, std::size_t size, void* host, Int* status);
  Int (*retain_mem_object)(Memory);
  Int (*release_mem_object)(Memory);
  Int (*get_mem_object_info)(Memory, Uint what, std::size_t room, void* value, std::size_t* size);
  Int (*enqueue_read_buffer)(Queue, Memory, Uint blocking, std::size_t offset, std::size_t size, void* to,
                             Uint wait_count, const Event* wait, Event* event);
  Int (*enqueue_write_buffer)(Queue, Memory, Uint blocking, std::size_t offset, std::size_t size, const void* from,
                              Uint wait_count, const Event* wait, Event* event);
  Int (*enqueue_copy_buffer)(Queue, Memory from, Memory to, std::size_t from_offset, std::size_t to_offset,
                             std::size_t size, Uint wait_count, const Event* wait, Event* event);
  Int (*enqueue_migrate_mem_objects)(Queue, Uint count, const Memory* memory, Ulong flags, Uint wait_count,
                                     const Event* wait, Event* event);
  Program (*create_program_with_source)(Context, Uint count, const char** texts, const std::size_t* sizes, Int* status);
  Int (*build_program)(Program, Uint device_count, const Device* devices, const char* options,
                       void (*notify)(Program, void*), void* user);
  Int (*get_program_build_info)(Program, Device, Uint what, std::size_t room, void* value, std::size_t* size);
  Int (*release_program)(Program);
  Kernel (*create_kernel)(Program, const char* name, Int* status);
  Int (*set_kernel_arg)(Kernel, Uint index, std::size_t size, const void* value);
  Int (*release_kernel)(Kernel);
  Int (*enqueue_nd_range_kernel)(Queue, Kernel, Uint dimensions, const std::size_t* offset, const std::size_t* items,
                                 const std::size_t* group, Uint wait_count, const Event* wait, Event* event);
  Int (*wait_for_events)(Uint count, const Event* events);
  Int (*get_event_info)(Event, Uint what, std::size_t room, void* value, std::size_t* size);
  Int (*release_event)(Event);
  Int (*flush)(Queue);
  Int (*finish)(Queue);
};

// Loads `name`; the error says what to install. What was loaded stays.
Result<Library> load(const std::string& name);
// libOpenCL.so.1, loaded once; a library that is missing is looked for again the next time.
Result<const Library*> library();

// Held by whoever lists devices, or makes or releases a context. PoCL 3.1 sets itself up in the first of these calls:
// of two threads that come first one finds no device, or crashes later, when it compiles. A lock of the whole process
// is needed, because what it guards is the library's and the library is loaded once. A program that calls OpenCL itself
// makes its first call before netmem does, or after.
std::mutex& one_at_a_time();

// "the device says CL_OUT_OF_RESOURCES (-5)"
std::string says(Int status);

}  // namespace netmem::cl
