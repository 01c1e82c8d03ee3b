#include "netmem/providers/gpu/cuda/library.h"

#include "netmem/base/shared_library.h"

namespace netmem::cuda {
namespace {

constexpr const char* kAdvice =
    "install NVIDIA's driver (Debian's nvidia-driver and libcuda1), or use opencl, or memfd, which needs no device";

// The first function that the library lacks; null: none.
const char* fill(Library& table, const SharedLibrary& from) {
  FunctionFinder find(from);
  find("cuInit", table.init);
  find("cuDriverGetVersion", table.driver_get_version);
  find("cuGetErrorName", table.get_error_name);
  find("cuDeviceGetCount", table.device_get_count);
  find("cuDeviceGet", table.device_get);
  find("cuDeviceGetAttribute", table.device_get_attribute);
  find("cuDeviceGetName", table.device_get_name);
  find("cuDevicePrimaryCtxRetain", table.device_primary_ctx_retain);
  find("cuDevicePrimaryCtxRelease_v2", table.device_primary_ctx_release);
  find("cuCtxPushCurrent_v2", table.ctx_push_current);
  find("cuCtxPopCurrent_v2", table.ctx_pop_current);
  find("cuMemGetInfo_v2", table.mem_get_info);
  find("cuMemAlloc_v2", table.mem_alloc);
  find("cuMemFree_v2", table.mem_free);
  find("cuMemGetAddressRange_v2", table.mem_get_address_range);
  find("cuPointerGetAttribute", table.pointer_get_attribute);
  find("cuMemHostAlloc", table.mem_host_alloc);
  find("cuMemFreeHost", table.mem_free_host);
  find("cuMemHostRegister_v2", table.mem_host_register);
  find("cuMemHostUnregister", table.mem_host_unregister);
  find("cuMemHostGetDevicePointer_v2", table.mem_host_get_device_pointer);
  find("cuMemcpyHtoDAsync_v2", table.memcpy_htod_async);
  find("cuMemcpyDtoHAsync_v2", table.memcpy_dtoh_async);
  find("cuMemcpyDtoDAsync_v2", table.memcpy_dtod_async);
  find("cuModuleLoadDataEx", table.module_load_data_ex);
  find("cuModuleUnload", table.module_unload);
  find("cuModuleGetFunction", table.module_get_function);
  find("cuLaunchKernel", table.launch_kernel);
  find("cuStreamCreate", table.stream_create);
  find("cuStreamSynchronize", table.stream_synchronize);
  find("cuStreamDestroy_v2", table.stream_destroy);
  find("cuEventCreate", table.event_create);
  find("cuEventRecord", table.event_record);
  find("cuEventQuery", table.event_query);
  find("cuEventSynchronize", table.event_synchronize);
  find("cuEventDestroy_v2", table.event_destroy);
  from.find("cuMemGetHandleForAddressRange", table.mem_get_handle_for_address_range);
  return find.lacking();
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

Result<void> start(const Library& table) {
  int version = 0;
  // Works before cuInit; old drivers are told apart before they fail for lack of something else.
  if (table.driver_get_version(&version) == kSuccess && version < kOldestVersion)
    return refused("use " + table.name, "the driver is for CUDA " + version_text(version),
                   "install one for CUDA " + version_text(kOldestVersion) + " or later");
  const Status status = table.init(0);
  if (status == kSuccess) return {};
  return refused("start CUDA", table.says(status),
                 status == kNoDevice ? "see what nvidia-smi says, or use opencl, or memfd, which needs no device"
                                     : "see what nvidia-smi says");
}

}  // namespace

std::string Library::says(Status status) const {
  const char* known = nullptr;
  const bool named = get_error_name(status, &known) == kSuccess && known != nullptr;
  return "the driver says " + std::string(named ? known : "CUDA error") + " (" + std::to_string(status) + ")";
}

Result<Library> load(const std::string& name) {
  const Result<SharedLibrary> opened = SharedLibrary::open(name, kAdvice);
  if (!opened) return std::unexpected(opened.error());
  Library table{};
  table.name = name;
  const char* const lacking = fill(table, *opened);
  // A driver that is too old may lack what it is too old for.
  if (table.driver_get_version != nullptr && table.get_error_name != nullptr && table.init != nullptr)
    if (auto started = start(table); !started) return std::unexpected(started.error());
  if (lacking != nullptr)
    return refused("use " + name, std::string("it lacks ") + lacking,
                   "install a driver for CUDA " + version_text(kOldestVersion) + " or later");
  return table;
}

Result<const Library*> library() {
  static LoadedOnce<Library> loaded;
  return loaded.get(load, "libcuda.so.1");
}

}  // namespace netmem::cuda
