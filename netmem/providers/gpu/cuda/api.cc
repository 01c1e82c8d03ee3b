#include "netmem/providers/gpu/cuda/api.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/base/units.h"

namespace netmem {
namespace {

constexpr std::size_t kExportable = 64 * KiB;  // alignment and size of what some drivers export
constexpr const char* kCopy = "copy to or from";

// Errors after which a context gives nothing but them (CUDA Driver API reference, CUresult: "the process must be
// terminated and relaunched"): from a memory that lost bits to a kernel that went astray.
constexpr bool poisons(cuda::Status status) {
  constexpr std::array kPoison = {214, 220, 700, 702, 710, 714, 715, 716, 717, 718, 719};
  return std::ranges::find(kPoison, status) != kPoison.end();
}

constexpr std::size_t round_up(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

}  // namespace

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
  return refused(attempted + " " + describe(), cuda_.says(status),
                 poisons(status) ? "the GPU is lost to this process; restart the program" : "");
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
  if (auto started = api->open_stream(); !started) return std::unexpected(started.error());
  return api;
}

Result<void> CudaApi::open_stream() {
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
    while (!batches_.empty()) spare_.push_back(batches_.extract(batches_.begin()));
    for (Batches::node_type& node : spare_) {
      free_room(node.mapped());
      cuda_.event_destroy(node.mapped().event);
    }
    kernels_.reset();
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

// The driver aligns to 256 bytes at least; in practice large allocations are at multiples of 2 MiB. Whole units of what
// can be exported.
Result<DeviceAddress> CudaApi::allocate(std::size_t size, std::size_t alignment) {
  const Current current(*this);
  alignment = std::max(alignment, kExportable);
  const std::size_t whole = round_up(size, kExportable);
  auto begin = take_memory(whole);
  if (begin && (*begin & (alignment - 1)) != 0) {
    cuda_.mem_free(*begin);
    begin = take_memory(whole + alignment);
  }
  if (!begin) return std::unexpected(begin.error());
  const DeviceAddress address = round_up(*begin, alignment);
  const std::scoped_lock lock(mutex_);
  memory_.emplace(address, Memory{.allocated = *begin, .size = size});
  return address;
}

Result<void> CudaApi::check_adopted(DeviceAddress address, std::size_t size) const {
  const std::string attempted = "adopt memory on " + describe();
  unsigned type = 0;
  int managed = 0, ordinal = -1;
  cuda::Address begin = 0;
  std::size_t whole = 0;
  cuda::Status status = cuda_.pointer_get_attribute(&type, cuda::kPointerMemoryType, address);
  if (status != cuda::kSuccess)
    return refused(attempted, "it is no memory that the driver knows: " + cuda_.says(status), "give a device pointer");
  if (type == cuda::kMemoryTypeDevice) cuda_.pointer_get_attribute(&managed, cuda::kPointerIsManaged, address);
  if (type != cuda::kMemoryTypeDevice || managed != 0)
    return refused(attempted, managed != 0 ? "it is managed memory" : "it is the host's", "give memory of cuMemAlloc");
  status = cuda_.pointer_get_attribute(&ordinal, cuda::kPointerDeviceOrdinal, address);
  if (status == cuda::kSuccess && ordinal != ordinal_)
    return refused(attempted, "it is memory of cuda:" + std::to_string(ordinal), "open that GPU");
  if (status == cuda::kSuccess) status = cuda_.mem_get_address_range(&begin, &whole, address);
  if (status != cuda::kSuccess) return refused(attempted, cuda_.says(status));
  const std::size_t room = begin + whole - address;
  if (room >= size) return {};
  return refused(attempted, "there are " + std::to_string(room) + " bytes and not " + std::to_string(size));
}

Result<DeviceAddress> CudaApi::adopt(std::uintptr_t handle, std::size_t size) {
  const Current current(*this);
  const DeviceAddress address = handle;
  if (auto checked = check_adopted(address, size); !checked) return std::unexpected(checked.error());
  const std::scoped_lock lock(mutex_);
  const auto after = memory_.lower_bound(address);
  const bool overlaps = (after != memory_.end() && after->first - address < size) || place_of(address).room > 0;
  if (overlaps)
    return refused("adopt memory on " + describe(), "some of it is netmem's already", "adopt it once, in one piece");
  memory_.emplace(address, Memory{.allocated = 0, .size = size});
  return address;
}

void CudaApi::free(DeviceAddress address) noexcept {
  const Current current(*this);
  const std::scoped_lock lock(mutex_);
  const auto found = memory_.find(address);
  NETMEM_CHECK(found != memory_.end(), "%s: no allocation begins at %#zx", describe().c_str(), address);
  if (found->second.allocated != 0) cuda_.mem_free(found->second.allocated);
  memory_.erase(found);
}

// cuMemGetHandleForAddressRange wants whole pages of the host.
Result<void> CudaApi::check_exportable(DeviceAddress address, std::size_t size) const {
  const std::string attempted = "export " + format_size(size) + " of " + describe() + " as a dma-buf";
  if (cuda_.mem_get_handle_for_address_range == nullptr)
    return refused(attempted, "the driver lacks cuMemGetHandleForAddressRange", "install one for CUDA 11.7 or later");
  cuda::Device device = 0;
  int supported = 0;
  cuda::Status status = cuda_.device_get(&device, ordinal_);
  if (status == cuda::kSuccess)
    status = cuda_.device_get_attribute(&supported, cuda::kAttributeDmaBufSupported, device);
  if (status != cuda::kSuccess) return refused(attempted, cuda_.says(status));
  if (supported == 0)
    return refused(attempted, "the driver does not offer that on this machine",
                   "use NVIDIA's open kernel modules, and Linux 5.12 or later");
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (address % page != 0 || size % page != 0 || size == 0)
    return refused(attempted, "address and size are no multiples of a page of " + format_size(page));
  return {};
}

Result<Fd> CudaApi::export_dmabuf(DeviceAddress address, std::size_t size) {
  const Current current(*this);
  if (auto checked = check_exportable(address, size); !checked) return std::unexpected(checked.error());
  int fd = -1;
  const cuda::Status status = cuda_.mem_get_handle_for_address_range(&fd, address, size, cuda::kRangeHandleDmaBufFd, 0);
  if (status == cuda::kSuccess) return Fd(fd);
  return refused("export " + format_size(size) + " of " + describe() + " as a dma-buf", cuda_.says(status));
}

Result<void> CudaApi::register_host(std::span<std::byte> memory) {
  const Current current(*this);
  const std::string attempted = "register " + format_size(memory.size()) + " of host memory with " + describe();
  cuda::Status status = cuda_.mem_host_register(memory.data(), memory.size(),
                                                cuda::kMemHostRegisterPortable | cuda::kMemHostRegisterDeviceMap);
  if (status == cuda::kHostMemoryAlreadyRegistered)
    return refused(attempted, cuda_.says(status), "some of it is registered with CUDA already: register it once");
  if (status != cuda::kSuccess) return refused(attempted, cuda_.says(status), "see what ulimit -l says");
  cuda::Address on_device = 0;
  status = cuda_.mem_host_get_device_pointer(&on_device, memory.data(), 0);
  if (status != cuda::kSuccess) {
    cuda_.mem_host_unregister(memory.data());
    return refused(attempted, cuda_.says(status));
  }
  const std::scoped_lock lock(mutex_);
  registered_.emplace(memory.data(), HostMemory{.size = memory.size(), .on_device = on_device});
  return {};
}

void CudaApi::unregister_host(std::span<std::byte> memory) noexcept {
  const Current current(*this);
  {
    const std::scoped_lock lock(mutex_);
    NETMEM_CHECK(registered_.erase(memory.data()) == 1, "%s: no registration begins at %p", describe().c_str(),
                 static_cast<void*>(memory.data()));
  }
  cuda_.mem_host_unregister(memory.data());
}

CudaApi::Place CudaApi::place_of(DeviceAddress address) const {
  const auto after = memory_.upper_bound(address);
  if (after == memory_.begin()) return {};
  const auto& [begin, memory] = *std::prev(after);
  const std::size_t offset = address - begin;
  if (offset >= memory.size) return {};
  return {{.offset = offset, .room = memory.size - offset}, begin};
}

// REQUIRES: the context is current.
Result<const CudaKernels*> CudaApi::kernels() {
  const std::scoped_lock lock(load_mutex_);
  if (kernels_ == nullptr) {
    auto loaded = CudaKernels::load(cuda_, stream_, describe());
    if (!loaded) return std::unexpected(loaded.error());
    kernels_ = std::move(*loaded);
  }
  return kernels_.get();
}

template <class Fill>
Result<DeviceTicket> CudaApi::start(const char* attempted, const Fill& fill) {
  const std::scoped_lock lock(mutex_);
  auto node = new_batch();
  if (!node) return std::unexpected(node.error());
  Batch& batch = node->mapped();
  batch.attempted = attempted;
  Result<void> filled = fill(batch);
  if (filled)
    if (const cuda::Status status = cuda_.event_record(batch.event, stream_); status != cuda::kSuccess)
      filled = failed(attempted, status);
  if (!filled) {
    cuda_.stream_synchronize(stream_);  // what was enqueued before is over, well or not
    retire(std::move(*node));
    return std::unexpected(filled.error());
  }
  const DeviceTicket ticket = node->key();
  batches_.insert(std::move(*node));
  return ticket;
}

Result<void> CudaApi::copy(std::span<const DeviceCopy> batch) {
  for (const DeviceCopy& copy : batch) {
    const cuda::Status status = copy.direction == DeviceCopy::Direction::to_device
                                    ? cuda_.memcpy_htod_async(copy.device, copy.host, copy.size, stream_)
                                    : cuda_.memcpy_dtoh_async(copy.host, copy.device, copy.size, stream_);
    if (status != cuda::kSuccess) return failed(kCopy, status);
  }
  return {};
}

void CudaApi::free_room(Batch& batch) noexcept {
  if (batch.on_device != 0) cuda_.mem_free(batch.on_device);
  if (batch.staged != nullptr) cuda_.mem_free_host(batch.staged);
  batch.on_device = 0;
  batch.staged = nullptr;
  batch.capacity = 0;
}

cuda::Status CudaApi::make_room(Batch& batch, std::size_t size) {
  if (size <= batch.capacity) return cuda::kSuccess;
  free_room(batch);
  const std::size_t room = std::bit_ceil(size);
  void* staged = nullptr;
  cuda::Status status = cuda_.mem_host_alloc(&staged, room, 0);
  if (status == cuda::kSuccess) {
    batch.staged = static_cast<std::byte*>(staged);
    status = cuda_.mem_alloc(&batch.on_device, room);
  }
  if (status == cuda::kSuccess) {
    batch.capacity = room;
  } else {
    free_room(batch);
  }
  return status;
}

Result<void> CudaApi::send(Batch& batch, std::size_t size) {
  const cuda::Status status = cuda_.memcpy_htod_async(batch.on_device, batch.staged, size, stream_);
  if (status != cuda::kSuccess) return failed(batch.attempted, status);
  return {};
}

Result<void> CudaApi::upload(Batch& batch) {
  const std::size_t size = batch.table.size();
  if (const cuda::Status status = make_room(batch, size); status != cuda::kSuccess)
    return failed(batch.attempted, status);
  std::memcpy(batch.staged, batch.table.words.data(), size);
  return send(batch, size);
}

const std::pair<std::byte* const, CudaApi::HostMemory>* CudaApi::source_of_plan() const {
  const auto after = registered_.upper_bound(plan_.together().front().host);
  if (after == registered_.begin()) return nullptr;
  const auto& range = *std::prev(after);
  const auto inside = [&](const DeviceCopy& copy) {
    return copy.host >= range.first && copy.host + copy.size <= range.first + range.second.size;
  };
  return std::ranges::all_of(plan_.together(), inside) ? &range : nullptr;
}

// Packing reads the host's memory at once: what a copy under way may still write there has to come first.
Result<bool> CudaApi::copy_together(std::span<const DeviceCopy> copies, const CudaKernels& kernels, Batch& batch) {
  const Place place = place_of(copies.front().device);
  if (!plan_.divide(copies, {.begin = place.begin, .size = place.offset + place.room})) return false;
  const auto* const source = source_of_plan();
  const bool packs = source == nullptr;
  if (packs && to_host_ != 0) return false;
  if (!packs) plan_.make_table(batch.table, source->first, place.begin);
  const std::size_t size = packs ? plan_.make_packed_table(batch.table, place.begin) : batch.table.size();
  if (make_room(batch, size) != cuda::kSuccess) return false;
  if (packs) {
    plan_.pack(batch.table, batch.staged);
  } else {
    std::memcpy(batch.staged, batch.table.words.data(), size);
  }
  Result<void> sent = send(batch, size);
  if (sent) sent = copy(plan_.alone());
  if (!sent) return std::unexpected(sent.error());
  const cuda::Status status =
      packs ? kernels.gather(stream_, batch.on_device, size, place.begin, batch.table, batch.on_device)
            : kernels.gather(stream_, source->second.on_device, source->second.size, place.begin, batch.table,
                             batch.on_device);
  if (status != cuda::kSuccess) return failed(kCopy, status);
  return true;
}

Result<DeviceTicket> CudaApi::enqueue(std::span<const DeviceCopy> batch) {
  const Current current(*this);
  const CudaKernels* const loaded =
      CopyPlan::has_many(batch) ? kernels_for_copies_.get([&] { return kernels(); }) : nullptr;
  return start(kCopy, [&](Batch& filled) -> Result<void> {
    if (loaded != nullptr)
      if (auto together = copy_together(batch, *loaded, filled); !together || *together)
        return together ? Result<void>() : std::unexpected(together.error());
    filled.to_host = std::ranges::any_of(batch, CopyPlan::is_to_host);
    to_host_ += filled.to_host ? 1 : 0;
    return copy(batch);
  });
}

Result<DeviceTicket> CudaApi::enqueue_gather(DeviceAddress from, std::span<const DeviceMove> moves, DeviceAddress to) {
  const Current current(*this);
  const auto loaded = kernels();
  if (!loaded) return std::unexpected(loaded.error());
  return start("gather on", [&](Batch& batch) -> Result<void> {
    const Place source = place_of(from), target = place_of(to);
    if (auto planned = kernels::plan_gather(batch.table, describe(), moves, source, target); !planned) return planned;
    if (batch.table.tiles == 0) return {};
    if (auto up = upload(batch); !up) return up;
    const cuda::Status status = (*loaded)->gather(stream_, source.begin, source.offset + source.room, target.begin,
                                                  batch.table, batch.on_device);
    if (status != cuda::kSuccess) return failed(batch.attempted, status);
    return {};
  });
}

Result<DeviceTicket> CudaApi::enqueue_move(DeviceAddress from, DeviceAddress to, std::size_t size) {
  const Current current(*this);
  return start("copy on", [&](Batch& batch) -> Result<void> {
    auto fits = kernels::check_room("copy on " + describe(), {size, size}, {place_of(from).room, place_of(to).room});
    if (!fits) return fits;
    if (size == 0) return {};
    const cuda::Status status = cuda_.memcpy_dtod_async(to, from, size, stream_);
    if (status != cuda::kSuccess) return failed(batch.attempted, status);
    return {};
  });
}

// Results land in page-locked memory, for a copy to any other makes the driver wait.
Result<DeviceTicket> CudaApi::enqueue_digest(DeviceAddress from, std::span<const DeviceRange> ranges,
                                             std::span<std::uint32_t> crcs) {
  const Current current(*this);
  const auto loaded = kernels();
  if (!loaded) return std::unexpected(loaded.error());
  return start("compute digests on", [&](Batch& batch) -> Result<void> {
    const Place source = place_of(from);
    if (auto planned = kernels::plan_digest(batch.table, describe(), ranges, source, crcs); !planned) return planned;
    if (batch.table.tiles == 0) return {};
    if (auto up = upload(batch); !up) return up;
    cuda::Status status = (*loaded)->digest(stream_, source.begin, batch.table, batch.on_device);
    if (status == cuda::kSuccess)
      status = cuda_.memcpy_dtoh_async(batch.staged, batch.on_device + batch.table.results_offset(), crcs.size_bytes(),
                                       stream_);
    if (status != cuda::kSuccess) return failed(batch.attempted, status);
    batch.crcs = crcs;
    return {};
  });
}

void CudaApi::retire(Batches::node_type batch) {
  batch.mapped().crcs = {};
  to_host_ -= std::exchange(batch.mapped().to_host, false) ? 1 : 0;
  spare_.push_back(std::move(batch));
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
  const auto made = batches_.try_emplace(ticket).first;
  made->second.event = event;
  return batches_.extract(made);
}

cuda::Event CudaApi::event_of(DeviceTicket ticket) {
  const std::scoped_lock lock(mutex_);
  const auto found = batches_.find(ticket);
  NETMEM_CHECK(found != batches_.end(), "%s: ticket %zu has ended, or never was", describe().c_str(),
               static_cast<std::size_t>(ticket));
  return found->second.event;
}

Result<void> CudaApi::end(DeviceTicket ticket, cuda::Status status) {
  const std::scoped_lock lock(mutex_);
  Batches::node_type node = batches_.extract(ticket);
  Batch& batch = node.mapped();
  if (!batch.crcs.empty() && status == cuda::kSuccess)
    std::memcpy(batch.crcs.data(), batch.staged, batch.crcs.size_bytes());
  const char* const attempted = batch.attempted;
  retire(std::move(node));
  if (status == cuda::kSuccess) return {};
  return failed(attempted, status);
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
