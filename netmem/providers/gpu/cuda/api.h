// DeviceApi of an NVIDIA GPU: its primary context, which programs that use the CUDA runtime share, and one stream of
// our own. A batch is its copies and one event behind them.
//
// Threads: any; each call makes the context current for as long as it takes.
// Invariants:
//  1. Allocations and tickets change under the lock alone; nobody waits for the device with it, but for a batch that
//     could not be enqueued and for a launch that is larger than all before it.
//  2. Only memory of ours, or that was registered with us, is the argument of a kernel.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "netmem/providers/gpu/copy_plan.h"
#include "netmem/providers/gpu/cuda/kernels.h"
#include "netmem/providers/gpu/cuda/library.h"
#include "netmem/providers/gpu/device_api.h"

namespace netmem {

class CudaApi final : public DeviceApi {
 public:
  // REQUIRES: `library` stays.
  static Result<std::vector<std::string>> devices(const cuda::Library& library);
  static Result<std::shared_ptr<DeviceApi>> open(const cuda::Library& library, int ordinal);
  ~CudaApi() override;

  [[nodiscard]] std::string name() const override { return "cuda"; }
  [[nodiscard]] std::string describe() const override;
  Result<DeviceAddress> allocate(std::size_t size, std::size_t alignment) override;
  Result<DeviceAddress> adopt(std::uintptr_t handle, std::size_t size) override;
  void free(DeviceAddress address) noexcept override;
  Result<Fd> export_dmabuf(DeviceAddress address, std::size_t size) override;
  Result<void> register_host(std::span<std::byte> memory) override;
  void unregister_host(std::span<std::byte> memory) noexcept override;
  Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) override;
  Result<DeviceTicket> enqueue_gather(DeviceAddress from, std::span<const DeviceMove> moves, DeviceAddress to) override;
  Result<DeviceTicket> enqueue_move(DeviceAddress from, DeviceAddress to, std::size_t size) override;
  Result<DeviceTicket> enqueue_digest(DeviceAddress from, std::span<const DeviceRange> ranges,
                                      std::span<std::uint32_t> crcs) override;
  Result<bool> poll(DeviceTicket ticket) override;
  Result<void> wait(DeviceTicket ticket) override;

 private:
  class Current;
  struct Memory {
    cuda::Address allocated;  // where it really begins; 0: it is the program's
    std::size_t size;
  };
  struct HostMemory {
    std::size_t size;
    cuda::Address on_device;
  };
  // Where an address is, in memory of ours; without room it is nowhere.
  struct Place : kernels::Stretch {
    DeviceAddress begin = 0;
  };
  // The event behind the commands of a batch, and what a launch needs until it is over.
  struct Batch {
    const char* attempted = "";
    cuda::Event event = nullptr;
    kernels::Table table;
    std::byte* staged = nullptr;  // page-locked; with room for `capacity` bytes, as `on_device`
    cuda::Address on_device = 0;
    std::size_t capacity = 0;
    std::span<std::uint32_t> crcs = {};  // where results go from `staged`
    bool to_host = false;
  };
  // By ticket. Nodes are used again, so that neither copies nor launches take memory of ours.
  using Batches = std::map<DeviceTicket, Batch>;

  CudaApi(const cuda::Library& library, int ordinal, std::string model)
      : cuda_(library), ordinal_(ordinal), model_(std::move(model)) {}

  Result<void> open_stream();
  Result<cuda::Address> take_memory(std::size_t size);
  Result<void> check_adopted(DeviceAddress address, std::size_t size) const;
  Result<void> check_exportable(DeviceAddress address, std::size_t size) const;
  [[nodiscard]] std::string free_of_total() const;
  [[nodiscard]] Place place_of(DeviceAddress address) const;
  Result<const CudaKernels*> kernels();

  // Enqueues what `fill` puts into a batch; all of it or nothing.
  template <class Fill>
  Result<DeviceTicket> start(const char* attempted, const Fill& fill);
  Result<void> copy(std::span<const DeviceCopy> batch);
  // Many small copies as one launch, and the others one by one; false: there is a reason not to.
  Result<bool> copy_together(std::span<const DeviceCopy> copies, const CudaKernels& kernels, Batch& batch);
  // The registered range that all small copies of plan_ are out of, which the kernel then reads itself, or null.
  [[nodiscard]] const std::pair<std::byte* const, HostMemory>* source_of_plan() const;
  // The table of the batch goes to the device.
  Result<void> upload(Batch& batch);
  Result<void> send(Batch& batch, std::size_t size);
  cuda::Status make_room(Batch& batch, std::size_t size);
  void free_room(Batch& batch) noexcept;
  void retire(Batches::node_type batch);
  Result<Batches::node_type> new_batch();
  [[nodiscard]] cuda::Event event_of(DeviceTicket ticket);
  // Takes a ticket that is over out of the books.
  Result<void> end(DeviceTicket ticket, cuda::Status status);
  [[nodiscard]] std::unexpected<Error> failed(const std::string& attempted, cuda::Status status) const;

  const cuda::Library& cuda_;
  const int ordinal_;
  const std::string model_;
  cuda::Context context_ = nullptr;
  cuda::Stream stream_ = nullptr;

  std::mutex load_mutex_;
  std::unique_ptr<CudaKernels> kernels_;  // from their first use on

  std::mutex mutex_;
  std::map<DeviceAddress, Memory> memory_;
  std::map<std::byte*, HostMemory> registered_;
  KernelsForCopies kernels_for_copies_;
  CopyPlan plan_;
  std::size_t to_host_ = 0;  // batches under way with copies to the host
  Batches batches_;
  std::vector<Batches::node_type> spare_;
  std::uint64_t tickets_ = 0;
};

}  // namespace netmem
