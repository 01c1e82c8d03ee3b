#include "netmem/providers/cuda_api.h"

#include <array>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/base/units.h"

namespace netmem {

// The context is this thread's current one in the object's scope.
class CudaApi::Current {
 public:
  explicit Current(const CudaApi& api) : cuda_(api.cuda_) { cuda_.ctx_push_current(api.context_); }
  ~Current() {
    cuda::Context ours = nullptr;
    cuda_.ctx_pop_current(&ours);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const cuda::Library& cuda_;
};

std::unexpected<Error> CudaApi::failed(const std::string& attempted, cuda::Status status) const {
  return refused(attempted + " " + describe(), cuda_.says(status));
}

std::string CudaApi::describe() const { return "cuda:" + std::to_string(ordinal_) + " (" + model_ + ")"; }

Result<std::vector<std::string>> CudaApi::devices(const cuda::Library& library) {
  int count = 0;
  if (const cuda::Status status = library.device_get_count(&count); status != cuda::kSuccess)
    return refused("list the GPUs", library.says(status), "see what nvidia-smi says");
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    std::array<char, 256> name{};
    cuda::Device device = 0;
    if (library.device_get(&device, i) == cuda::kSuccess)
      library.device_get_name(name.data(), static_cast<int>(name.size() - 1), device);
    names.emplace_back(name.data());
  }
  return names;
}

Result<std::shared_ptr<DeviceApi>> CudaApi::open(const cuda::Library& library, int ordinal) {
  auto names = devices(library);
  if (!names) return std::unexpected(names.error());
  const std::string attempted = "open cuda:" + std::to_string(ordinal);
  if (names->empty())
    return refused(attempted, "the driver knows of no GPU", "see what nvidia-smi and CUDA_VISIBLE_DEVICES say");
  if (ordinal < 0 || static_cast<std::size_t>(ordinal) >= names->size()) {
    std::string list;
    for (std::size_t i = 0; i < names->size(); ++i)
      list += (i == 0 ? "" : ", ") + std::to_string(i) + " (" + (*names)[i] + ")";
    return refused(attempted, "there is no such GPU", "use one of these: " + list);
  }
  std::shared_ptr<CudaApi> api(new CudaApi(library, ordinal, (*names)[static_cast<std::size_t>(ordinal)]));
  if (auto started = api->start(); !started) return std::unexpected(started.error());
  return api;
}

Result<void> CudaApi::start() {
  cuda::Device device = 0;
  cuda::Status status = cuda_.device_get(&device, ordinal_);
  if (status == cuda::kSuccess) status = cuda_.device_primary_ctx_retain(&context_, device);
  if (status != cuda::kSuccess) return failed("open", status);
  const Current current(*this);
  status = cuda_.stream_create(&stream_, cuda::kStreamNonBlocking);
  if (status != cuda::kSuccess) return failed("make a stream on", status);
  return {};
}

CudaApi::~CudaApi() {
  NETMEM_CHECK(memory_.empty(), "%s: %zu allocations are still there", describe().c_str(), memory_.size());
  if (context_ == nullptr) return;
  {
    const Current current(*this);
    if (stream_ != nullptr) cuda_.stream_synchronize(stream_);
    for (const auto& [ticket, event] : batches_) cuda_.event_destroy(event);
    for (const Batches::node_type& node : spare_) cuda_.event_destroy(node.mapped());
    if (stream_ != nullptr) cuda_.stream_destroy(stream_);
  }
  cuda::Device device = 0;
  if (cuda_.device_get(&device, ordinal_) == cuda::kSuccess) cuda_.device_primary_ctx_release(device);
}

std::string CudaApi::free_of_total() const {
  std::size_t free = 0, total = 0;
  if (cuda_.mem_get_info(&free, &total) != cuda::kSuccess) return {};
  return "; " + format_size(free) + " of its " + format_size(total) + " are free";
}

Result<cuda::Address> CudaApi::take_memory(std::size_t size) {
  cuda::Address address = 0;
  const cuda::Status status = cuda_.mem_alloc(&address, size);
  if (status == cuda::kSuccess) return address;
  return refused("allocate " + format_size(size) + " on " + describe(), cuda_.says(status) + free_of_total(),
                 "ask for less");
}

// The driver aligns to 256 bytes at least; in practice large allocations are at multiples of 2 MiB.
Result<DeviceAddress> CudaApi::allocate(std::size_t size, std::size_t alignment) {
  const Current current(*this);
  auto begin = take_memory(size);
  if (begin && (*begin & (alignment - 1)) != 0) {
    cuda_.mem_free(*begin);
    begin = take_memory(size + alignment);
  }
  if (!begin) return std::unexpected(begin.error());
  const DeviceAddress address = (*begin + alignment - 1) & ~(alignment - 1);
  const std::scoped_lock lock(mutex_);
  memory_.emplace(address, *begin);
  return address;
}

void CudaApi::free(DeviceAddress address) noexcept {
  const Current current(*this);
  const std::scoped_lock lock(mutex_);
  const auto found = memory_.find(address);
  NETMEM_CHECK(found != memory_.end(), "%s: no allocation begins at %#zx", describe().c_str(), address);
  cuda_.mem_free(found->second);
  memory_.erase(found);
}

Result<DeviceTicket> CudaApi::enqueue(std::span<const DeviceCopy> batch) {
  const Current current(*this);
  const std::scoped_lock lock(mutex_);
  auto node = new_batch();
  if (!node) return std::unexpected(node.error());
  cuda::Status status = cuda::kSuccess;
  for (const DeviceCopy& copy : batch) {
    status = copy.direction == DeviceCopy::Direction::to_device
                 ? cuda_.memcpy_htod_async(copy.device, copy.host, copy.size, stream_)
                 : cuda_.memcpy_dtoh_async(copy.host, copy.device, copy.size, stream_);
    if (status != cuda::kSuccess) break;
  }
  if (status == cuda::kSuccess) status = cuda_.event_record(node->mapped(), stream_);
  if (status != cuda::kSuccess) {
    cuda_.stream_synchronize(stream_);  // what was enqueued before is over, well or not
    spare_.push_back(std::move(*node));
    return failed("copy to or from", status);
  }
  const DeviceTicket ticket = node->key();
  batches_.insert(std::move(*node));
  return ticket;
}

Result<CudaApi::Batches::node_type> CudaApi::new_batch() {
  const DeviceTicket ticket{++tickets_};
  if (!spare_.empty()) {
    Batches::node_type node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = ticket;
    return node;
  }
  cuda::Event event = nullptr;
  if (const cuda::Status status = cuda_.event_create(&event, cuda::kEventDisableTiming); status != cuda::kSuccess)
    return failed("make an event on", status);
  return batches_.extract(batches_.emplace(ticket, event).first);
}

cuda::Event CudaApi::event_of(DeviceTicket ticket) {
  const std::scoped_lock lock(mutex_);
  const auto found = batches_.find(ticket);
  NETMEM_CHECK(found != batches_.end(), "%s: ticket %zu has ended, or never was", describe().c_str(),
               static_cast<std::size_t>(ticket));
  return found->second;
}

Result<void> CudaApi::end(DeviceTicket ticket, cuda::Status status) {
  {
    const std::scoped_lock lock(mutex_);
    spare_.push_back(batches_.extract(ticket));
  }
  if (status == cuda::kSuccess) return {};
  return failed("copy to or from", status);
}

Result<bool> CudaApi::poll(DeviceTicket ticket) {
  const Current current(*this);
  const cuda::Status status = cuda_.event_query(event_of(ticket));
  if (status == cuda::kNotReady) return false;
  if (auto ended = end(ticket, status); !ended) return std::unexpected(ended.error());
  return true;
}

Result<void> CudaApi::wait(DeviceTicket ticket) {
  const Current current(*this);
  return end(ticket, cuda_.event_synchronize(event_of(ticket)));
}

}  // namespace netmem
