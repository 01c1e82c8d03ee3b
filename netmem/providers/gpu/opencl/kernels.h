// The kernels of an OpenCL device, compiled for it, and the tables that they look up.
//
// Threads: one at a time; a kernel keeps its arguments between the call that sets them and the launch.
#pragma once

#include <memory>
#include <string>

#include "netmem/providers/gpu/kernels.h"
#include "netmem/providers/gpu/opencl/library.h"

namespace netmem {

class OpenClKernels {
 public:
  // The error has what the compiler says. `who` is the device for people. REQUIRES: `library` and the context stay.
  static Result<std::unique_ptr<OpenClKernels>> build(const cl::Library& library, cl::Context context,
                                                      cl::Device device, const std::string& who);
  ~OpenClKernels();
  OpenClKernels(const OpenClKernels&) = delete;
  OpenClKernels& operator=(const OpenClKernels&) = delete;

  // Launches behind what is in the queue. `buffer` holds the table by then.
  cl::Int gather(cl::Queue queue, cl::Memory from, std::size_t from_size, cl::Memory to, const kernels::Table& table,
                 cl::Memory buffer, cl::Event* event) const;
  cl::Int digest(cl::Queue queue, cl::Memory from, const kernels::Table& table, cl::Memory buffer,
                 cl::Event* event) const;

 private:
  explicit OpenClKernels(const cl::Library& library) : cl_(library) {}
  [[nodiscard]] std::string log(cl::Device device) const;

  const cl::Library& cl_;
  cl::Program program_ = nullptr;
  cl::Kernel gather_ = nullptr;
  cl::Kernel digest_ = nullptr;
  cl::Memory tables_ = nullptr;
};

}  // namespace netmem
