#include "netmem/providers/gpu/opencl/api.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/base/units.h"
#include "netmem/core/region.h"

namespace netmem {

std::string OpenClApi::number() const { return std::to_string(what_.platform) + "." + std::to_string(what_.device); }

std::string OpenClApi::describe() const {
  return "opencl:" + number() + " (" + what_.name + " of " + what_.platform_name + ")";
}

Result<std::shared_ptr<DeviceApi>> OpenClApi::open(const cl::Library& library, OpenClDevice what, cl::Platform platform,
                                                   cl::Device device) {
  std::shared_ptr<OpenClApi> api(new OpenClApi(library, std::move(what), device));
  const cl::Property properties[] = {cl::kContextPlatform, reinterpret_cast<cl::Property>(platform), 0};
  cl::Int status = 0;
  api->context_ = library.create_context(properties, 1, &device, nullptr, nullptr, &status);
  if (api->context_ == nullptr)
    return refused("open " + api->describe(), cl::says(status), "see what clinfo says about it");
  if (auto made = api->make_queue(); !made) return std::unexpected(made.error());
  return api;
}

Result<std::shared_ptr<DeviceApi>> OpenClApi::open_in(const cl::Library& library, OpenClDevice what,
                                                      cl::Context context, cl::Device device) {
  std::shared_ptr<OpenClApi> api(new OpenClApi(library, std::move(what), device));
  if (const cl::Int status = library.retain_context(context); status != cl::kSuccess)
    return refused("open " + api->describe(), cl::says(status), "give it a context of that device");
  api->context_ = context;
  if (auto made = api->make_queue(); !made) return std::unexpected(made.error());
  return api;
}

Result<void> OpenClApi::make_queue() {
  cl::Int status = 0;
  queue_ = cl_.create_command_queue(context_, device_, 0, &status);
  if (queue_ != nullptr) return {};
  return refused("open " + describe(), cl::says(status), "see what clinfo says about it");
}

OpenClApi::~OpenClApi() {
  NETMEM_CHECK(buffers_.empty(), "%s: %zu buffers are still there", describe().c_str(), buffers_.size());
  if (queue_ != nullptr) {
    cl_.finish(queue_);
    for (auto& [ticket, batch] : batches_) {
      for (const cl::Event event : batch.events) cl_.release_event(event);
      if (batch.on_device != nullptr) cl_.release_mem_object(batch.on_device);
    }
    for (const Batches::node_type& node : spare_)
      if (node.mapped().on_device != nullptr) cl_.release_mem_object(node.mapped().on_device);
    cl_.release_command_queue(queue_);
  }
  kernels_.reset();
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
  return keep(*memory, size, alignment);
}

Result<DeviceAddress> OpenClApi::keep(cl::Memory memory, std::size_t size, std::size_t alignment) {
  auto range = Mapping::create(size, alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0,
                               "addresses for an OpenCL buffer");
  if (!range) {
    cl_.release_mem_object(memory);
    return std::unexpected(range.error());
  }
  const auto address = reinterpret_cast<DeviceAddress>(range->data());
  const std::scoped_lock lock(mutex_);
  buffers_.emplace(address, Buffer{std::move(*range), memory, size});
  return address;
}

Result<void> OpenClApi::check_adopted(cl::Memory memory, std::size_t size) const {
  const std::string attempted = "adopt an OpenCL buffer on " + describe();
  cl::Uint type = 0;
  cl::Ulong flags = 0;
  std::size_t there = 0;
  cl::Context context = nullptr;
  const auto ask = [&]<class Value>(cl::Uint what, Value& value) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): a handle is a pointer
    return cl_.get_mem_object_info(memory, what, sizeof(Value), static_cast<void*>(&value), nullptr);
  };
  cl::Int status = memory == nullptr ? cl::kInvalidMemObject : ask(cl::kMemType, type);
  if (status == cl::kSuccess) status = ask(cl::kMemFlags, flags);
  if (status == cl::kSuccess) status = ask(cl::kMemSize, there);
  if (status == cl::kSuccess) status = ask(cl::kMemContext, context);
  if (status != cl::kSuccess) return refused(attempted, cl::says(status), "give the cl_mem of a buffer");
  if (type != cl::kMemObjectBuffer) return refused(attempted, "it is an image or a pipe", "give a buffer");
  if (context != context_)
    return refused(attempted, "it belongs to another context", "open the device with open_opencl_in and that context");
  if ((flags & (cl::kMemReadOnly | cl::kMemWriteOnly)) != 0)
    return refused(attempted, "kernels may not both read and write it", "make it with CL_MEM_READ_WRITE");
  if ((flags & (cl::kMemHostWriteOnly | cl::kMemHostReadOnly | cl::kMemHostNoAccess)) != 0)
    return refused(attempted, "the host may not both read and write it", "make it without CL_MEM_HOST_ flags");
  if (there < size)
    return refused(attempted, "it has " + std::to_string(there) + " bytes and not " + std::to_string(size));
  return {};
}

// Addresses are ours, so that they can be aligned for any page size.
Result<DeviceAddress> OpenClApi::adopt(std::uintptr_t handle, std::size_t size) {
  const auto memory = reinterpret_cast<cl::Memory>(handle);
  if (auto checked = check_adopted(memory, size); !checked) return std::unexpected(checked.error());
  if (const cl::Int status = cl_.retain_mem_object(memory); status != cl::kSuccess)
    return refused("adopt an OpenCL buffer on " + describe(), cl::says(status));
  return keep(memory, size, kLargestPageAlignment);
}

void OpenClApi::free(DeviceAddress address) noexcept {
  const std::scoped_lock lock(mutex_);
  const auto found = buffers_.find(address);
  NETMEM_CHECK(found != buffers_.end(), "%s: no buffer begins at %#zx", describe().c_str(), address);
  cl_.release_mem_object(found->second.memory);
  buffers_.erase(found);
}

Result<Fd> OpenClApi::export_dmabuf(DeviceAddress /*address*/, std::size_t /*size*/) {
  return refused("export memory of " + describe() + " as a dma-buf", "OpenCL has no way to do that",
                 "use cuda, udmabuf or a dma-buf of the device's own");
}

OpenClApi::Place OpenClApi::place_of(DeviceAddress address) const {
  const auto after = buffers_.upper_bound(address);
  if (after == buffers_.begin()) return {};
  const auto& [begin, buffer] = *std::prev(after);
  const std::size_t offset = address - begin;
  if (offset >= buffer.size) return {};
  return {{.offset = offset, .room = buffer.size - offset}, buffer.memory};
}

Result<const OpenClKernels*> OpenClApi::kernels() {
  const std::scoped_lock lock(build_mutex_);
  if (kernels_ == nullptr) {
    auto built = OpenClKernels::build(cl_, context_, device_, describe());
    if (!built) return std::unexpected(built.error());
    kernels_ = std::move(*built);
  }
  return kernels_.get();
}

template <class Fill>
Result<DeviceTicket> OpenClApi::start(const char* attempted, const Fill& fill) {
  std::unique_lock lock(mutex_);
  Batches::node_type node = new_batch();
  node.mapped().attempted = attempted;
  Result<void> filled = fill(node.mapped());
  if (filled && cl_.flush(queue_) != cl::kSuccess)
    filled = refused(attempted + (" " + describe()), "the device does not take commands");
  if (!filled) {
    lock.unlock();
    static_cast<void>(finish(node.mapped().events));  // what was enqueued before is over, well or not
    retire(std::move(node));
    return std::unexpected(filled.error());
  }
  const DeviceTicket ticket = node.key();
  batches_.insert(std::move(node));
  return ticket;
}

Result<void> OpenClApi::enqueued(cl::Int status, cl::Event event, Batch& batch) const {
  if (status != cl::kSuccess) return refused(batch.attempted + (" " + describe()), cl::says(status));
  batch.events.push_back(event);
  return {};
}

Result<void> OpenClApi::copy(const DeviceCopy& copy, Batch& batch) const {
  const Place place = place_of(copy.device);
  NETMEM_CHECK(copy.size <= place.room, "%s: no buffer has %zu bytes at %#zx", describe().c_str(), copy.size,
               copy.device);
  const bool in = copy.direction == DeviceCopy::Direction::to_device;
  cl::Event event = nullptr;
  const cl::Int status =
      in ? cl_.enqueue_write_buffer(queue_, place.memory, 0, place.offset, copy.size, copy.host, 0, nullptr, &event)
         : cl_.enqueue_read_buffer(queue_, place.memory, 0, place.offset, copy.size, copy.host, 0, nullptr, &event);
  if (status != cl::kSuccess)
    return refused("copy " + format_size(copy.size) + (in ? " to " : " from ") + describe(), cl::says(status));
  batch.events.push_back(event);
  return {};
}

Result<void> OpenClApi::copy(std::span<const DeviceCopy> copies, Batch& batch) const {
  for (const DeviceCopy& one : copies)
    if (auto done = copy(one, batch); !done) return done;
  return {};
}

cl::Int OpenClApi::make_room(Batch& batch, std::size_t size) const {
  if (size <= batch.capacity) return cl::kSuccess;
  if (batch.on_device != nullptr) cl_.release_mem_object(batch.on_device);
  cl::Int status = cl::kSuccess;
  batch.capacity = std::bit_ceil(size);
  batch.on_device = cl_.create_buffer(context_, cl::kMemReadWrite, batch.capacity, nullptr, &status);
  if (batch.on_device == nullptr) batch.capacity = 0;
  return status;
}

Result<void> OpenClApi::send(Batch& batch, const void* bytes, std::size_t size) const {
  cl::Event event = nullptr;
  const cl::Int status = cl_.enqueue_write_buffer(queue_, batch.on_device, 0, 0, size, bytes, 0, nullptr, &event);
  return enqueued(status, event, batch);
}

Result<void> OpenClApi::upload(Batch& batch) const {
  if (const cl::Int status = make_room(batch, batch.table.size()); status != cl::kSuccess)
    return refused(batch.attempted + (" " + describe()), cl::says(status), "do less at once");
  return send(batch, batch.table.words.data(), batch.table.size());
}

// Packing reads the host's memory at once: what a copy under way may still write there has to come first.
Result<bool> OpenClApi::copy_together(std::span<const DeviceCopy> copies, const OpenClKernels& kernels, Batch& batch) {
  if (to_host_ != 0) return false;
  const Place place = place_of(copies.front().device);
  const DeviceAddress begin = copies.front().device - place.offset;
  const std::size_t whole = place.offset + place.room;
  if (!plan_.divide(copies, {.begin = begin, .size = whole})) return false;
  const std::size_t size = plan_.make_packed_table(batch.table, begin);
  if (make_room(batch, size) != cl::kSuccess) return false;
  if (size > batch.packed_capacity) {
    batch.packed_capacity = std::bit_ceil(size);
    batch.packed = std::make_unique_for_overwrite<std::byte[]>(batch.packed_capacity);
  }
  plan_.pack(batch.table, batch.packed.get());
  if (auto done = copy(plan_.alone(), batch); !done) return std::unexpected(done.error());
  if (auto sent = send(batch, batch.packed.get(), size); !sent) return std::unexpected(sent.error());
  cl::Event event = nullptr;
  const cl::Int status =
      kernels.gather(queue_, batch.on_device, size, place.memory, batch.table, batch.on_device, &event);
  if (auto launched = enqueued(status, event, batch); !launched) return std::unexpected(launched.error());
  return true;
}

Result<DeviceTicket> OpenClApi::enqueue(std::span<const DeviceCopy> batch) {
  const OpenClKernels* const built =
      CopyPlan::has_many(batch) ? kernels_for_copies_.get([&] { return kernels(); }) : nullptr;
  return start("copy on", [&](Batch& filled) -> Result<void> {
    if (built != nullptr)
      if (auto together = copy_together(batch, *built, filled); !together || *together)
        return together ? Result<void>() : std::unexpected(together.error());
    filled.to_host = std::ranges::any_of(batch, CopyPlan::is_to_host);
    to_host_ += filled.to_host ? 1 : 0;
    return copy(batch, filled);
  });
}

Result<DeviceTicket> OpenClApi::enqueue_gather(DeviceAddress from, std::span<const DeviceMove> moves,
                                               DeviceAddress to) {
  const auto built = kernels();
  if (!built) return std::unexpected(built.error());
  return start("gather on", [&](Batch& batch) -> Result<void> {
    const Place source = place_of(from), target = place_of(to);
    if (auto planned = kernels::plan_gather(batch.table, describe(), moves, source, target); !planned) return planned;
    if (batch.table.tiles == 0) return {};
    if (auto up = upload(batch); !up) return up;
    cl::Event event = nullptr;
    const cl::Int status = (*built)->gather(queue_, source.memory, source.offset + source.room, target.memory,
                                            batch.table, batch.on_device, &event);
    return enqueued(status, event, batch);
  });
}

Result<DeviceTicket> OpenClApi::enqueue_move(DeviceAddress from, DeviceAddress to, std::size_t size) {
  return start("copy on", [&](Batch& batch) -> Result<void> {
    const Place source = place_of(from), target = place_of(to);
    auto fits = kernels::check_room("copy on " + describe(), {size, size}, {source.room, target.room});
    if (!fits) return fits;
    if (size == 0) return {};
    cl::Event event = nullptr;
    const cl::Int status = cl_.enqueue_copy_buffer(queue_, source.memory, target.memory, source.offset, target.offset,
                                                   size, 0, nullptr, &event);
    return enqueued(status, event, batch);
  });
}

Result<DeviceTicket> OpenClApi::enqueue_digest(DeviceAddress from, std::span<const DeviceRange> ranges,
                                               std::span<std::uint32_t> crcs) {
  const auto built = kernels();
  if (!built) return std::unexpected(built.error());
  return start("compute digests on", [&](Batch& batch) -> Result<void> {
    const Place source = place_of(from);
    if (auto planned = kernels::plan_digest(batch.table, describe(), ranges, source, crcs); !planned) return planned;
    if (batch.table.tiles == 0) return {};
    if (auto up = upload(batch); !up) return up;
    cl::Event event = nullptr;
    cl::Int status = (*built)->digest(queue_, source.memory, batch.table, batch.on_device, &event);
    if (auto launched = enqueued(status, event, batch); !launched) return launched;
    status = cl_.enqueue_read_buffer(queue_, batch.on_device, 0, batch.table.results_offset(), crcs.size_bytes(),
                                     crcs.data(), 0, nullptr, &event);
    return enqueued(status, event, batch);
  });
}

Result<bool> OpenClApi::poll(DeviceTicket ticket) {
  std::unique_lock lock(mutex_);
  const auto found = batches_.find(ticket);
  NETMEM_CHECK(found != batches_.end(), "%s: ticket %zu has ended, or never was", describe().c_str(),
               static_cast<std::size_t>(ticket));
  const bool over =
      std::ranges::all_of(found->second.events, [&](cl::Event one) { return status_of(one) <= cl::kComplete; });
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
  for (const cl::Event event : batch.mapped().events) cl_.release_event(event);
  batch.mapped().events.clear();
  const std::scoped_lock lock(mutex_);
  to_host_ -= std::exchange(batch.mapped().to_host, false) ? 1 : 0;
  spare_.push_back(std::move(batch));
}

Result<void> OpenClApi::end(Batches::node_type batch) {
  const cl::Int status = finish(batch.mapped().events);
  const char* const attempted = batch.mapped().attempted;
  retire(std::move(batch));
  if (status == cl::kSuccess) return {};
  return refused(attempted + (" " + describe()), cl::says(status));
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
