// DeviceApi of an NVIDIA GPU: its primary context, which programs that use the CUDA runtime share, and one stream of
// our own. A batch is its copies and one event behind them.
//
// Threads: any; each call makes the context current for as long as it takes.
// Invariants:
//  1. Allocations and tickets change under the lock alone; nobody waits for the device with it, but for a batch that
//     could not be enqueued.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "netmem/providers/cuda_library.h"
#include "netmem/providers/device_api.h"

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
  void free(DeviceAddress address) noexcept override;
  Result<DeviceTicket> enqueue(std::span<const DeviceCopy> batch) override;
  Result<bool> poll(DeviceTicket ticket) override;
  Result<void> wait(DeviceTicket ticket) override;

 private:
  class Current;
  // By ticket. Nodes are used again with their events, so that copying takes no memory of ours.
  using Batches = std::map<DeviceTicket, cuda::Event>;

  CudaApi(const cuda::Library& library, int ordinal, std::string model)
      : cuda_(library), ordinal_(ordinal), model_(std::move(model)) {}

  Result<void> start();
  Result<cuda::Address> take_memory(std::size_t size);
  [[nodiscard]] std::string free_of_total() const;
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

  std::mutex mutex_;
  std::map<DeviceAddress, cuda::Address> memory_;  // where an aligned allocation really begins
  Batches batches_;
  std::vector<Batches::node_type> spare_;
  std::uint64_t tickets_ = 0;
};

}  // namespace netmem
