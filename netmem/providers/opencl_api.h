// DeviceApi of an OpenCL device. A buffer has no address of its own: each gets a range of the process' addresses that
// nothing is mapped to, so that a stray touch faults.
//
// Threads: any.
// Invariants:
//  1. Buffers, ranges and tickets change under the lock alone; nobody waits for the device with it.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "netmem/base/mapping.h"
#include "netmem/providers/device_api.h"
#include "netmem/providers/opencl.h"
#include "netmem/providers/opencl_library.h"

namespace netmem {

class OpenClApi final : public DeviceApi {
 public:
  // `what` is the device that `device` of `platform` is. REQUIRES: `library` stays.
  static Result<std::shared_ptr<DeviceApi>> open(const cl::Library& library, OpenClDevice what, cl::Platform platform,
                                                 cl::Device device);
  ~OpenClApi() override;

  [[nodiscard]] std::string name() const override { return "opencl"; }
  [[nodiscard]] std::string describe() const override;
  Result<DeviceAddress> allocate(std::size_t size, std::size_t alignment) override;
  void free(DeviceAddress address) noexcept override;
  Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) override;
  Result<bool> poll(DeviceTicket ticket) override;
  Result<void> wait(DeviceTicket ticket) override;

 private:
  struct Buffer {
    Mapping range;  // its addresses
    cl::Memory memory;
  };
  // Events of the copies of a batch, by ticket. Nodes are used again, so that copying takes no memory of ours.
  using Batches = std::map<DeviceTicket, std::vector<cl::Event>>;

  OpenClApi(const cl::Library& library, OpenClDevice what) : cl_(library), what_(std::move(what)) {}

  Result<cl::Memory> make_buffer(std::size_t size) const;
  [[nodiscard]] const Buffer& buffer_of(const DeviceCopy& copy) const;
  Result<void> enqueue(const DeviceCopy& copy, std::vector<cl::Event>& events) const;
  [[nodiscard]] Batches::node_type new_batch();
  [[nodiscard]] Batches::node_type take(DeviceTicket ticket);
  // Waits for a batch's end; releases its events.
  Result<void> end(Batches::node_type batch);
  void retire(Batches::node_type batch);
  // What became of a command: kComplete, more than that while it is under way, or its error.
  [[nodiscard]] cl::Int status_of(cl::Event event) const;
  [[nodiscard]] cl::Int finish(const std::vector<cl::Event>& events) const;
  [[nodiscard]] std::string number() const;

  const cl::Library& cl_;
  const OpenClDevice what_;
  cl::Context context_ = nullptr;
  cl::Queue queue_ = nullptr;

  std::mutex mutex_;
  std::map<DeviceAddress, Buffer> buffers_;
  Batches batches_;
  std::vector<Batches::node_type> spare_;
  std::uint64_t tickets_ = 0;
};

}  // namespace netmem
