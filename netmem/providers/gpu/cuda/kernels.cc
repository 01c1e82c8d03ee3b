#include "netmem/providers/gpu/cuda/kernels.h"

#include <algorithm>
#include <array>

namespace netmem {
namespace {

template <class... Values>
cuda::Status launch(const cuda::Library& cuda, cuda::Stream stream, cuda::Function kernel, std::size_t groups,
                    std::size_t items, Values... values) {
  std::array<void*, sizeof...(Values)> arguments = {&values...};
  return cuda.launch_kernel(kernel, static_cast<unsigned>(groups), 1, 1, static_cast<unsigned>(items), 1, 1, 0, stream,
                            arguments.data(), nullptr);
}

// On one line.
std::string log_text(std::span<const char> log) {
  std::string text(log.begin(), std::ranges::find(log, '\0'));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, ' ');
  return text.empty() ? text : ": " + text;
}

}  // namespace

Result<std::unique_ptr<CudaKernels>> CudaKernels::load(const cuda::Library& library, cuda::Stream stream,
                                                       const std::string& who) {
  std::unique_ptr<CudaKernels> made(new CudaKernels(library));
  std::array<char, 1000> log{};
  std::array<int, 2> options = {cuda::kJitErrorLogBuffer, cuda::kJitErrorLogBufferBytes};
  std::array<void*, 2> values = {log.data(), reinterpret_cast<void*>(log.size() - 1)};
  cuda::Status status =
      library.module_load_data_ex(&made->module_, kernels::ptx(), options.size(), options.data(), values.data());
  if (status == cuda::kSuccess) status = library.module_get_function(&made->gather_, made->module_, kernels::kGather);
  if (status == cuda::kSuccess) status = library.module_get_function(&made->digest_, made->module_, kernels::kDigest);
  const kernels::DigestTables& tables = kernels::digest_tables();
  if (status == cuda::kSuccess) status = library.mem_alloc(&made->tables_, sizeof tables);
  if (status == cuda::kSuccess) status = library.memcpy_htod_async(made->tables_, tables.data(), sizeof tables, stream);
  if (status == cuda::kSuccess) return made;
  return refused("load kernels into " + who, library.says(status) + log_text(log), "install a newer driver");
}

CudaKernels::~CudaKernels() {
  if (tables_ != 0) cuda_.mem_free(tables_);
  if (module_ != nullptr) cuda_.module_unload(module_);
}

cuda::Status CudaKernels::gather(cuda::Stream stream, cuda::Address from, std::uint64_t from_size, cuda::Address to,
                                 const kernels::Table& table, cuda::Address buffer) const {
  return launch(cuda_, stream, gather_, table.tiles, kernels::kGatherItems, from, from_size, to, buffer);
}

cuda::Status CudaKernels::digest(cuda::Stream stream, cuda::Address from, const kernels::Table& table,
                                 cuda::Address buffer) const {
  return launch(cuda_, stream, digest_, table.tiles, kernels::kDigestItems, from, buffer, std::uint64_t{table.results},
                tables_);
}

}  // namespace netmem
