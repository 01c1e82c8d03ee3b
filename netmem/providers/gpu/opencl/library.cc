#include "netmem/providers/gpu/opencl/library.h"

#include <algorithm>
#include <array>

#include "netmem/base/shared_library.h"

namespace netmem::cl {
namespace {

constexpr const char* kAdvice =
    "install an ICD loader (Debian's ocl-icd-libopencl1) and the OpenCL of the device's vendor, or pocl-opencl-icd, "
    "which "
    "needs no device";

struct Name {
  Int status;
  const char* name;
};
// CL/cl.h; those that the calls in this header may give.
constexpr std::array kNames = {
    Name{-1, "CL_DEVICE_NOT_FOUND"},
    Name{-2, "CL_DEVICE_NOT_AVAILABLE"},
    Name{-3, "CL_COMPILER_NOT_AVAILABLE"},
    Name{-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
    Name{-5, "CL_OUT_OF_RESOURCES"},
    Name{-6, "CL_OUT_OF_HOST_MEMORY"},
    Name{-8, "CL_MEM_COPY_OVERLAP"},
    Name{-11, "CL_BUILD_PROGRAM_FAILURE"},
    Name{-14, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"},
    Name{-30, "CL_INVALID_VALUE"},
    Name{-32, "CL_INVALID_PLATFORM"},
    Name{-33, "CL_INVALID_DEVICE"},
    Name{-34, "CL_INVALID_CONTEXT"},
    Name{-36, "CL_INVALID_COMMAND_QUEUE"},
    Name{-38, "CL_INVALID_MEM_OBJECT"},
    Name{-45, "CL_INVALID_PROGRAM_EXECUTABLE"},
    Name{-54, "CL_INVALID_WORK_GROUP_SIZE"},
    Name{-58, "CL_INVALID_EVENT"},
    Name{-59, "CL_INVALID_OPERATION"},
    Name{-61, "CL_INVALID_BUFFER_SIZE"},
    Name{-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
};

// The first function that the library lacks; null: none.
const char* fill(Library& table, const SharedLibrary& from) {
  FunctionFinder find(from);
  find("clGetPlatformIDs", table.get_platform_ids);
  find("clGetPlatformInfo", table.get_platform_info);
  find("clGetDeviceIDs", table.get_device_ids);
  find("clGetDeviceInfo", table.get_device_info);
  find("clCreateContext", table.create_context);
  find("clRetainContext", table.retain_context);
  find("clReleaseContext", table.release_context);
  find("clGetContextInfo", table.get_context_info);
  find("clCreateCommandQueue", table.create_command_queue);
  find("clReleaseCommandQueue", table.release_command_queue);
  find("clCreateBuffer", table.create_buffer);
  find("clRetainMemObject", table.retain_mem_object);
  find("clReleaseMemObject", table.release_mem_object);
  find("clGetMemObjectInfo", table.get_mem_object_info);
  find("clEnqueueReadBuffer", table.enqueue_read_buffer);
  find("clEnqueueWriteBuffer", table.enqueue_write_buffer);
  find("clEnqueueCopyBuffer", table.enqueue_copy_buffer);
  find("clEnqueueMigrateMemObjects", table.enqueue_migrate_mem_objects);
  find("clCreateProgramWithSource", table.create_program_with_source);
  find("clBuildProgram", table.build_program);
  find("clGetProgramBuildInfo", table.get_program_build_info);
  find("clReleaseProgram", table.release_program);
  find("clCreateKernel", table.create_kernel);
  find("clSetKernelArg", table.set_kernel_arg);
  find("clReleaseKernel", table.release_kernel);
  find("clEnqueueNDRangeKernel", table.enqueue_nd_range_kernel);
  find("clWaitForEvents", table.wait_for_events);
  find("clGetEventInfo", table.get_event_info);
  find("clReleaseEvent", table.release_event);
  find("clFlush", table.flush);
  find("clFinish", table.finish);
  return find.lacking();
}

}  // namespace

Result<Library> load(const std::string& name) {
  const Result<SharedLibrary> opened = SharedLibrary::open(name, kAdvice);
  if (!opened) return std::unexpected(opened.error());
  Library table{};
  if (const char* lacking = fill(table, *opened))
    return refused("use " + name, std::string("it lacks ") + lacking, "OpenCL 1.2 or later is needed");
  return table;
}

Result<const Library*> library() {
  static LoadedOnce<Library> loaded;
  return loaded.get(load, "libOpenCL.so.1");
}

std::mutex& one_at_a_time() {
  static std::mutex mutex;
  return mutex;
}

std::string says(Int status) {
  const auto* const found = std::ranges::find(kNames, status, &Name::status);
  const std::string number = std::to_string(status);
  return "the device says " + (found == kNames.end() ? "OpenCL error " + number : found->name + (" (" + number + ")"));
}

}  // namespace netmem::cl
