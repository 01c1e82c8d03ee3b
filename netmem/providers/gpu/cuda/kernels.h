// The kernels of a GPU, which the driver compiles for it, and the tables that they look up.
//
// Threads: any; the context is current in each call.
#pragma once

#include <memory>
#include <string>

#include "netmem/providers/gpu/cuda/library.h"
#include "netmem/providers/gpu/kernels.h"

namespace netmem {

class CudaKernels {
 public:
  // The error has what the driver's compiler says. `who` is the GPU for people. REQUIRES: `library` stays; the stream
  // is waited for before anything else uses the kernels, or they are used on it.
  static Result<std::unique_ptr<CudaKernels>> load(const cuda::Library& library, cuda::Stream stream,
                                                   const std::string& who);
  ~CudaKernels();
  CudaKernels(const CudaKernels&) = delete;
  CudaKernels& operator=(const CudaKernels&) = delete;

  // Launches behind what is in the stream. `buffer` holds the table by then.
  cuda::Status gather(cuda::Stream stream, cuda::Address from, std::uint64_t from_size, cuda::Address to,
                      const kernels::Table& table, cuda::Address buffer) const;
  cuda::Status digest(cuda::Stream stream, cuda::Address from, const kernels::Table& table, cuda::Address buffer) const;

 private:
  explicit CudaKernels(const cuda::Library& library) : cuda_(library) {}

  const cuda::Library& cuda_;
  cuda::Module module_ = nullptr;
  cuda::Function gather_ = nullptr;
  cuda::Function digest_ = nullptr;
  cuda::Address tables_ = 0;
};

}  // namespace netmem
