#include "netmem/providers/gpu/opencl/opencl.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "netmem/providers/common/page_size.h"
#include "netmem/providers/gpu/opencl/api.h"
#include "netmem/providers/gpu/opencl/library.h"
#include "netmem/providers/gpu/shared_devices.h"

namespace netmem {
namespace {

struct Found {
  OpenClDevice what;
  cl::Platform platform;
  cl::Device device;
};

// Of a platform or a device, on one line; empty when it does not say.
template <class Ask, class Of>
std::string text_of(Ask ask, Of of, cl::Uint what) {
  std::size_t size = 0;
  if (ask(of, what, 0, nullptr, &size) != cl::kSuccess || size == 0) return {};
  std::string text(size, '\0');
  if (ask(of, what, size, text.data(), nullptr) != cl::kSuccess) return {};
  text.resize(std::min(text.find('\0'), size));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

cl::Ulong number_of(const cl::Library& cl, cl::Device device, cl::Uint what) {
  cl::Ulong number = 0;
  return cl.get_device_info(device, what, sizeof number, &number, nullptr) == cl::kSuccess ? number : 0;
}

std::vector<cl::Device> devices_of(const cl::Library& cl, cl::Platform platform) {
  cl::Uint count = 0;
  if (cl.get_device_ids(platform, cl::kDeviceTypeAll, 0, nullptr, &count) != cl::kSuccess) return {};
  std::vector<cl::Device> devices(count);
  if (cl.get_device_ids(platform, cl::kDeviceTypeAll, count, devices.data(), nullptr) != cl::kSuccess) return {};
  return devices;
}

Result<std::vector<Found>> find_all(const cl::Library& cl) {
  const std::scoped_lock lock(cl::one_at_a_time());
  cl::Uint count = 0;
  cl::Int status = cl.get_platform_ids(0, nullptr, &count);
  if (status == cl::kPlatformNotFound || (status == cl::kSuccess && count == 0)) return {};
  std::vector<cl::Platform> platforms(count);
  if (status == cl::kSuccess) status = cl.get_platform_ids(count, platforms.data(), nullptr);
  if (status != cl::kSuccess) return refused("list the platforms of OpenCL", cl::says(status), "see what clinfo says");
  std::vector<Found> all;
  for (std::size_t i = 0; i < platforms.size(); ++i) {
    const std::vector<cl::Device> devices = devices_of(cl, platforms[i]);
    for (std::size_t j = 0; j < devices.size(); ++j)
      all.push_back({.what = {.platform = static_cast<int>(i),
                              .device = static_cast<int>(j),
                              .name = text_of(cl.get_device_info, devices[j], cl::kDeviceName),
                              .platform_name = text_of(cl.get_platform_info, platforms[i], cl::kPlatformName),
                              .gpu = (number_of(cl, devices[j], cl::kDeviceType) & cl::kDeviceTypeGpu) != 0,
                              .largest = number_of(cl, devices[j], cl::kDeviceMaxMemAllocSize)},
                     .platform = platforms[i],
                     .device = devices[j]});
  }
  return all;
}

std::string listed(const std::vector<Found>& all) {
  std::string list;
  for (const Found& one : all)
    list += (list.empty() ? "" : ", ") + std::to_string(one.what.platform) + "." + std::to_string(one.what.device) +
            " (" + one.what.name + ")";
  return list;
}

const Found* choose(const std::vector<Found>& all, int platform, int device) {
  const auto found =
      platform < 0 && device < 0
          ? std::ranges::find_if(
                all, [](const Found& one) { return one.what.gpu; })
          : std::ranges::find_if(
                all, [&](const Found& one) { return one.what.platform == platform && one.what.device == device; });
  if (found != all.end()) return &*found;
  return platform < 0 && device < 0 && !all.empty() ? &all.front() : nullptr;
}

// A device, and the program's context that it is used in; null: in one of netmem's.
using Use = std::pair<cl::Device, cl::Context>;

// Never destroyed: the program may keep a device until its static objects go.
SharedDevices<Use>& open_devices() {
  static auto* const devices = new SharedDevices<Use>(cl::one_at_a_time());
  return *devices;
}

}  // namespace

Result<std::vector<OpenClDevice>> opencl_devices() {
  const auto library = cl::library();
  if (!library) return std::unexpected(library.error());
  auto all = find_all(**library);
  if (!all) return std::unexpected(all.error());
  std::vector<OpenClDevice> devices;
  for (Found& one : *all) devices.push_back(std::move(one.what));
  return devices;
}

Result<std::shared_ptr<DeviceApi>> open_opencl(int platform, int device) {
  const auto library = cl::library();
  if (!library) return std::unexpected(library.error());
  const auto all = find_all(**library);
  if (!all) return std::unexpected(all.error());
  if (all->empty())
    return refused("open an OpenCL device", "libOpenCL.so.1 knows of none",
                   "install the OpenCL of the device's vendor, which puts a file into /etc/OpenCL/vendors, or "
                   "pocl-opencl-icd, which needs no device");
  const Found* found = choose(*all, platform, device);
  if (found == nullptr)
    return refused("open opencl:" + std::to_string(platform) + "." + std::to_string(device), "there is no such device",
                   "use one of these: " + listed(*all));
  return open_devices().open({found->device, nullptr},
                             [&] { return OpenClApi::open(**library, found->what, found->platform, found->device); });
}

Result<std::shared_ptr<DeviceApi>> open_opencl_in(void* context, void* device) {
  const auto library = cl::library();
  if (!library) return std::unexpected(library.error());
  const std::string attempted = "open a device of an OpenCL context";
  if (context == nullptr) return refused(attempted, "there is none", "give a cl_context");
  auto* const of = static_cast<cl::Context>(context);
  std::size_t size = 0;
  cl::Int status = (*library)->get_context_info(of, cl::kContextDevices, 0, nullptr, &size);
  std::vector<cl::Device> devices(size / sizeof(cl::Device));
  if (status == cl::kSuccess)
    status = (*library)->get_context_info(of, cl::kContextDevices, size, static_cast<void*>(devices.data()), nullptr);
  if (status != cl::kSuccess) return refused(attempted, cl::says(status), "give a cl_context");
  if (device == nullptr && devices.size() != 1)
    return refused(attempted, "it has " + std::to_string(devices.size()) + " devices", "say which");
  auto* const wanted = device == nullptr ? devices.front() : static_cast<cl::Device>(device);
  if (std::ranges::find(devices, wanted) == devices.end())
    return refused(attempted, "the context does not have this device", "give a cl_device_id of the context");
  const auto all = find_all(**library);
  if (!all) return std::unexpected(all.error());
  const auto found = std::ranges::find(*all, wanted, &Found::device);
  if (found == all->end())
    return refused(attempted, "libOpenCL.so.1 does not list its device", "open the context with the same library");
  return open_devices().open({wanted, of}, [&] { return OpenClApi::open_in(**library, found->what, of, wanted); });
}

Result<std::shared_ptr<GpuProvider>> make_opencl_provider(OpenClOptions options) {
  if (auto shift = page_shift_of(options.page_size, options.size, "opencl"); !shift)
    return std::unexpected(shift.error());
  auto device = open_opencl(options.platform, options.device);
  if (!device) return std::unexpected(device.error());
  return make_gpu_provider(std::move(*device),
                           {.size = options.size, .page_size = options.page_size, .dma = std::move(options.dma)});
}

}  // namespace netmem
