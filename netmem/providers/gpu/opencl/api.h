// DeviceApi of an OpenCL device. A buffer has no address of its own: each gets a range of the process' addresses that
// nothing is mapped to, so that a stray touch faults.
//
// Threads: any.
// Invariants:
//  1. Buffers, ranges, tickets and the kernels' arguments change under the lock alone; nobody waits for the device with
//     it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "netmem/base/mapping.h"
#include "netmem/providers/gpu/copy_plan.h"
#include "netmem/providers/gpu/device_api.h"
#include "netmem/providers/gpu/opencl/kernels.h"
#include "netmem/providers/gpu/opencl/library.h"
#include "netmem/providers/gpu/opencl/opencl.h"

namespace netmem {

class OpenClApi final : public DeviceApi {
 public:
  // `what` is the device that `device` of `platform` is. REQUIRES: `library` stays.
  static Result<std::shared_ptr<DeviceApi>> open(const cl::Library& library, OpenClDevice what, cl::Platform platform,
                                                 cl::Device device);
  // In a context of the program's own, which it may release afterwards.
  static Result<std::shared_ptr<DeviceApi>> open_in(const cl::Library& library, OpenClDevice what, cl::Context context,
                                                    cl::Device device);
  ~OpenClApi() override;

  [[nodiscard]] std::string name() const override { return "opencl"; }
  [[nodiscard]] std::string describe() const override;
  Result<DeviceAddress> allocate(std::size_t size, std::size_t alignment) override;
  Result<DeviceAddress> adopt(std::uintptr_t handle, std::size_t size) override;
  void free(DeviceAddress address) noexcept override;
  Result<Fd> export_dmabuf(DeviceAddress address, std::size_t size) override;
  Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) override;
  Result<DeviceTicket> enqueue_gather(DeviceAddress from, std::span<const DeviceMove> moves, DeviceAddress to) override;
  Result<DeviceTicket> enqueue_move(DeviceAddress from, DeviceAddress to, std::size_t size) override;
  Result<DeviceTicket> enqueue_digest(DeviceAddress from, std::span<const DeviceRange> ranges,
                                      std::span<std::uint32_t> crcs) override;
  Result<bool> poll(DeviceTicket ticket) override;
  Result<void> wait(DeviceTicket ticket) override;

 private:
  struct Buffer {
    Mapping range;  // its addresses
    cl::Memory memory;
    std::size_t size;
  };
  // Where an address is; without a buffer it is nowhere, with no room.
  struct Place : kernels::Stretch {
    cl::Memory memory = nullptr;
  };
  // Events of the commands of a batch, and what a launch needs until it is over.
  struct Batch {
    const char* attempted = "";
    std::vector<cl::Event> events;
    kernels::Table table;
    cl::Memory on_device = nullptr;  // with room for `capacity` bytes: the table, or what packed copies are
    std::size_t capacity = 0;
    std::unique_ptr<std::byte[]> packed;  // with room for `packed_capacity` bytes
    std::size_t packed_capacity = 0;
    bool to_host = false;
  };
  // By ticket. Nodes are used again, so that neither copies nor launches take memory of ours.
  using Batches = std::map<DeviceTicket, Batch>;

  OpenClApi(const cl::Library& library, OpenClDevice what, cl::Device device)
      : cl_(library), what_(std::move(what)), device_(device) {}

  Result<void> make_queue();
  Result<cl::Memory> make_buffer(std::size_t size) const;
  Result<DeviceAddress> keep(cl::Memory memory, std::size_t size, std::size_t alignment);
  Result<void> check_adopted(cl::Memory memory, std::size_t size) const;
  [[nodiscard]] Place place_of(DeviceAddress address) const;
  Result<const OpenClKernels*> kernels();

  // Enqueues what `fill` puts into a batch; all of it or nothing.
  template <class Fill>
  Result<DeviceTicket> start(const char* attempted, const Fill& fill);
  Result<void> copy(const DeviceCopy& copy, Batch& batch) const;
  Result<void> copy(std::span<const DeviceCopy> copies, Batch& batch) const;
  // Many small copies as one transfer and one launch, and the others one by one; false: there is a reason not to.
  Result<bool> copy_together(std::span<const DeviceCopy> copies, const OpenClKernels& kernels, Batch& batch);
  // Where the batch has no room on the device for so many bytes it gets it.
  cl::Int make_room(Batch& batch, std::size_t size) const;
  // The table of the batch goes to the device.
  Result<void> upload(Batch& batch) const;
  Result<void> send(Batch& batch, const void* bytes, std::size_t size) const;
  // What a command's enqueueing gave.
  Result<void> enqueued(cl::Int status, cl::Event event, Batch& batch) const;
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
  const cl::Device device_;
  cl::Context context_ = nullptr;
  cl::Queue queue_ = nullptr;

  std::mutex build_mutex_;
  std::unique_ptr<OpenClKernels> kernels_;  // from their first use on

  std::mutex mutex_;
  std::map<DeviceAddress, Buffer> buffers_;
  KernelsForCopies kernels_for_copies_;
  CopyPlan plan_;
  std::size_t to_host_ = 0;  // batches under way with copies to the host
  Batches batches_;
  std::vector<Batches::node_type> spare_;
  std::uint64_t tickets_ = 0;
};

}  // namespace netmem
