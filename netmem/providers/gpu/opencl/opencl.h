// Provider `opencl`: a buffer of an OpenCL device. OpenCL is loaded when it is asked for; nobody needs it to build or
// to install netmem. Devices are numbered as OpenCL lists them: PLATFORM.DEVICE, both from 0.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "netmem/providers/gpu/gpu.h"

namespace netmem {

struct OpenClDevice {
  int platform = 0;
  int device = 0;
  std::string name;           // "Arc A770"
  std::string platform_name;  // "Intel(R) OpenCL"
  bool gpu = false;
  std::size_t largest = 0;  // bytes of the largest buffer that it makes
};

// Empty: the loader is there and knows no device.
NETMEM_EXPORT Result<std::vector<OpenClDevice>> opencl_devices();

struct OpenClOptions {
  int platform = -1;  // both -1: the first GPU of all, or when there is none the first device
  int device = -1;
  std::size_t size = 0;          // bytes, at least one page
  std::size_t page_size = 4096;  // power of two, 4 KiB to 1 GiB
  std::shared_ptr<DmaDevice> dma = {};
};

// The same object for all who have the device open. The error for a device that does not exist lists those that do.
NETMEM_EXPORT Result<std::shared_ptr<DeviceApi>> open_opencl(int platform = -1, int device = -1);
// The device in a context (cl_context) that the program has, for DeviceApi::adopt: a cl_mem is of use in its own
// context alone. `device` is a cl_device_id of it; null: its only one. The context is retained, its libOpenCL.so.1 must
// be the one that netmem loads (the system's). The same object for all who have the device of the context open.
NETMEM_EXPORT Result<std::shared_ptr<DeviceApi>> open_opencl_in(void* context, void* device = nullptr);
NETMEM_EXPORT Result<std::shared_ptr<GpuProvider>> make_opencl_provider(OpenClOptions options);

}  // namespace netmem
