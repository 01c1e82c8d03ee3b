#include "netmem/providers/opencl_api.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/base/units.h"

namespace netmem {

std::string OpenClApi::number() const { return std::to_string(what_.platform) + "." + std::to_string(what_.device); }

std::string OpenClApi::describe() const {
  return "opencl:" + number() + " (" + what_.name + " of " + what_.platform_name + ")";
}

Result<std::shared_ptr<DeviceApi>> OpenClApi::open(const cl::Library& library, OpenClDevice what, cl::Platform platform,
                                                   cl::Device device) {
  std::shared_ptr<OpenClApi> api(new OpenClApi(library, std::move(what)));
  const std::string attempted = "open " + api->describe();
  const cl::Property properties[] = {cl::kContextPlatform, reinterpret_cast<cl::Property>(platform), 0};
  cl::Int status = 0;
  api->context_ = library.create_context(properties, 1, &device, nullptr, nullptr, &status);
  if (api->context_ == nullptr) return refused(attempted, cl::says(status), "see what clinfo says about it");
  api->queue_ = library.create_command_queue(api->context_, device, 0, &status);
  if (api->queue_ == nullptr) return refused(attempted, cl::says(status), "see what clinfo says about it");
  return api;
}

OpenClApi::~OpenClApi() {
  NETMEM_CHECK(buffers_.empty(), "%s: %zu buffers are still there", describe().c_str(), buffers_.size());
  if (queue_ != nullptr) {
    cl_.finish(queue_);
    for (auto& [ticket, events] : batches_)
      for (const cl::Event event : events) cl_.release_event(event);
    cl_.release_command_queue(queue_);
  }
  if (context_ != nullptr) cl_.release_context(context_);
}

// An implementation may put off the real allocation to the first use: the migration is one.
Result<cl::Memory> OpenClApi::make_buffer(std::size_t size) const {
  const std::string attempted = "allocate " + format_size(size) + " on " + describe();
  if (size > what_.largest)
    return refused(attempted, "its largest buffer is " + format_size(what_.largest), "ask for less");
  cl::Int status = 0;
  cl::Memory memory = cl_.create_buffer(context_, cl::kMemReadWrite, size, nullptr, &status);
  if (memory == nullptr) return refused(attempted, cl::says(status), "ask for less");
  cl::Event event = nullptr;
  status = cl_.enqueue_migrate_mem_objects(queue_, 1, &memory, cl::kMigrateContentUndefined, 0, nullptr, &event);
  if (status == cl::kSuccess) {
    status = finish({event});
    cl_.release_event(event);
  }
  if (status == cl::kSuccess) return memory;
  cl_.release_mem_object(memory);
  return refused(attempted, cl::says(status), "ask for less");
}

Result<DeviceAddress> OpenClApi::allocate(std::size_t size, std::size_t alignment) {
  auto memory = make_buffer(size);
  if (!memory) return std::unexpected(memory.error());
  auto range = Mapping::create(size, alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0,
                               "addresses for an OpenCL buffer");
  if (!range) {
    cl_.release_mem_object(*memory);
    return std::unexpected(range.error());
  }
  const auto address = reinterpret_cast<DeviceAddress>(range->data());
  const std::scoped_lock lock(mutex_);
  buffers_.emplace(address, Buffer{std::move(*range), *memory});
  return address;
}

void OpenClApi::free(DeviceAddress address) noexcept {
  const std::scoped_lock lock(mutex_);
  const auto found = buffers_.find(address);
  NETMEM_CHECK(found != buffers_.end(), "%s: no buffer begins at %#zx", describe().c_str(), address);
  cl_.release_mem_object(found->second.memory);
  buffers_.erase(found);
}

const OpenClApi::Buffer& OpenClApi::buffer_of(const DeviceCopy& copy) const {
  const auto after = buffers_.upper_bound(copy.device);
  NETMEM_CHECK(after != buffers_.begin(), "%s: no buffer has %#zx", describe().c_str(), copy.device);
  const auto& [begin, buffer] = *std::prev(after);
  NETMEM_CHECK(copy.device - begin + copy.size <= buffer.range.size(), "%s: no buffer has %zu bytes at %#zx",
               describe().c_str(), copy.size, copy.device);
  return buffer;
}

Result<void> OpenClApi::enqueue(const DeviceCopy& copy, std::vector<cl::Event>& events) const {
  const Buffer& buffer = buffer_of(copy);
  const std::size_t offset = copy.device - reinterpret_cast<DeviceAddress>(buffer.range.data());
  const bool in = copy.direction == DeviceCopy::Direction::to_device;
  cl::Event event = nullptr;
  const cl::Int status =
      in ? cl_.enqueue_write_buffer(queue_, buffer.memory, 0, offset, copy.size, copy.host, 0, nullptr, &event)
         : cl_.enqueue_read_buffer(queue_, buffer.memory, 0, offset, copy.size, copy.host, 0, nullptr, &event);
  if (status != cl::kSuccess)
    return refused("copy " + format_size(copy.size) + (in ? " to " : " from ") + describe(), cl::says(status));
  events.push_back(event);
  return {};
}

Result<DeviceTicket> OpenClApi::enqueue(std::span<const DeviceCopy> batch) {
  std::unique_lock lock(mutex_);
  Batches::node_type node = new_batch();
  Result<void> enqueued;
  for (const DeviceCopy& copy : batch)
    if (enqueued = enqueue(copy, node.mapped()); !enqueued) break;
  if (enqueued && cl_.flush(queue_) != cl::kSuccess)
    enqueued = refused("start copies on " + describe(), "the device does not take them");
  if (!enqueued) {
    lock.unlock();
    static_cast<void>(finish(node.mapped()));  // what was enqueued before is over, well or not
    retire(std::move(node));
    return std::unexpected(enqueued.error());
  }
  const DeviceTicket ticket = node.key();
  batches_.insert(std::move(node));
  return ticket;
}

Result<bool> OpenClApi::poll(DeviceTicket ticket) {
  std::unique_lock lock(mutex_);
  const auto found = batches_.find(ticket);
  NETMEM_CHECK(found != batches_.end(), "%s: ticket %zu has ended, or never was", describe().c_str(),
               static_cast<std::size_t>(ticket));
  const bool over = std::ranges::all_of(found->second, [&](cl::Event one) { return status_of(one) <= cl::kComplete; });
  if (!over) return false;
  Batches::node_type node = batches_.extract(found);
  lock.unlock();
  if (auto ended = end(std::move(node)); !ended) return std::unexpected(ended.error());
  return true;
}

Result<void> OpenClApi::wait(DeviceTicket ticket) { return end(take(ticket)); }

OpenClApi::Batches::node_type OpenClApi::new_batch() {
  const DeviceTicket ticket{++tickets_};
  if (spare_.empty()) return batches_.extract(batches_.try_emplace(ticket).first);
  Batches::node_type node = std::move(spare_.back());
  spare_.pop_back();
  node.key() = ticket;
  return node;
}

OpenClApi::Batches::node_type OpenClApi::take(DeviceTicket ticket) {
  const std::scoped_lock lock(mutex_);
  Batches::node_type node = batches_.extract(ticket);
  NETMEM_CHECK(!node.empty(), "%s: ticket %zu has ended, or never was", describe().c_str(),
               static_cast<std::size_t>(ticket));
  return node;
}

void OpenClApi::retire(Batches::node_type batch) {
  for (const cl::Event event : batch.mapped()) cl_.release_event(event);
  batch.mapped().clear();
  const std::scoped_lock lock(mutex_);
  spare_.push_back(std::move(batch));
}

Result<void> OpenClApi::end(Batches::node_type batch) {
  const cl::Int status = finish(batch.mapped());
  retire(std::move(batch));
  if (status == cl::kSuccess) return {};
  return refused("copy on " + describe(), cl::says(status));
}

cl::Int OpenClApi::status_of(cl::Event event) const {
  cl::Int status = 0;
  const cl::Int asked = cl_.get_event_info(event, cl::kEventCommandExecutionStatus, sizeof status, &status, nullptr);
  return asked == cl::kSuccess ? status : asked;
}

// One that failed ends the wait for all: the others are waited for one by one.
cl::Int OpenClApi::finish(const std::vector<cl::Event>& events) const {
  if (events.empty()) return cl::kSuccess;
  if (cl_.wait_for_events(static_cast<cl::Uint>(events.size()), events.data()) == cl::kSuccess) return cl::kSuccess;
  cl::Int first = cl::kSuccess;
  for (const cl::Event event : events) {
    const cl::Int waited = cl_.wait_for_events(1, &event);
    const cl::Int status = status_of(event);
    if (first == cl::kSuccess && status != cl::kComplete) first = status < cl::kComplete ? status : waited;
  }
  return first;
}

}  // namespace netmem
