#include "netmem/providers/gpu/opencl/kernels.h"

#include <algorithm>

namespace netmem {
namespace {

template <class... Values>
cl::Int set_arguments(const cl::Library& cl, cl::Kernel kernel, const Values&... values) {
  cl::Uint index = 0;
  cl::Int status = cl::kSuccess;
  const auto set = [&](std::size_t size, const void* value) {
    if (status == cl::kSuccess) status = cl.set_kernel_arg(kernel, index++, size, value);
  };
  // NOLINTNEXTLINE(bugprone-sizeof-expression): a handle is a pointer
  (set(sizeof(Values), static_cast<const void*>(&values)), ...);
  return status;
}

cl::Int launch(const cl::Library& cl, cl::Queue queue, cl::Kernel kernel, std::size_t groups, std::size_t items,
               cl::Event* event) {
  const std::size_t all = groups * items;
  return cl.enqueue_nd_range_kernel(queue, kernel, 1, nullptr, &all, &items, 0, nullptr, event);
}

}  // namespace

// What the compiler says, on one line and not at any length.
std::string OpenClKernels::log(cl::Device device) const {
  std::string text(1000, '\0');
  std::size_t size = 0;
  if (cl_.get_program_build_info(program_, device, cl::kProgramBuildLog, 0, nullptr, &size) != cl::kSuccess) return {};
  text.resize(size);
  if (cl_.get_program_build_info(program_, device, cl::kProgramBuildLog, size, text.data(), nullptr) != cl::kSuccess)
    return {};
  text.resize(std::min({text.find('\0'), text.size(), std::size_t{1000}}));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, ' ');
  return text.empty() ? text : ": " + text;
}

Result<std::unique_ptr<OpenClKernels>> OpenClKernels::build(const cl::Library& library, cl::Context context,
                                                            cl::Device device, const std::string& who) {
  std::unique_ptr<OpenClKernels> made(new OpenClKernels(library));
  const std::string attempted = "compile kernels for " + who;
  const auto failed = [&](cl::Int status, const std::string& log = {}) {
    return refused(attempted, cl::says(status) + log, "see what clinfo says about its compiler");
  };
  const char* text = kernels::source();
  cl::Int status = 0;
  made->program_ = library.create_program_with_source(context, 1, &text, nullptr, &status);
  if (made->program_ == nullptr) return failed(status);
  status = library.build_program(made->program_, 1, &device, "-cl-std=CL1.2", nullptr, nullptr);
  if (status != cl::kSuccess) return failed(status, made->log(device));
  made->gather_ = library.create_kernel(made->program_, kernels::kGather, &status);
  if (made->gather_ == nullptr) return failed(status);
  made->digest_ = library.create_kernel(made->program_, kernels::kDigest, &status);
  if (made->digest_ == nullptr) return failed(status);
  kernels::DigestTables tables = kernels::digest_tables();
  made->tables_ =
      library.create_buffer(context, cl::kMemReadOnly | cl::kMemCopyHostPointer, sizeof tables, tables.data(), &status);
  if (made->tables_ == nullptr) return failed(status);
  return made;
}

OpenClKernels::~OpenClKernels() {
  if (tables_ != nullptr) cl_.release_mem_object(tables_);
  if (digest_ != nullptr) cl_.release_kernel(digest_);
  if (gather_ != nullptr) cl_.release_kernel(gather_);
  if (program_ != nullptr) cl_.release_program(program_);
}

cl::Int OpenClKernels::gather(cl::Queue queue, cl::Memory from, std::size_t from_size, cl::Memory to,
                              const kernels::Table& table, cl::Memory buffer, cl::Event* event) const {
  const cl::Int status = set_arguments(cl_, gather_, from, cl::Ulong{from_size}, to, buffer);
  return status != cl::kSuccess ? status : launch(cl_, queue, gather_, table.tiles, kernels::kGatherItems, event);
}

cl::Int OpenClKernels::digest(cl::Queue queue, cl::Memory from, const kernels::Table& table, cl::Memory buffer,
                              cl::Event* event) const {
  const cl::Int status = set_arguments(cl_, digest_, from, buffer, cl::Ulong{table.results}, tables_);
  return status != cl::kSuccess ? status : launch(cl_, queue, digest_, table.tiles, kernels::kDigestItems, event);
}

}  // namespace netmem
