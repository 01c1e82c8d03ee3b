#include "netmem/ports/xdp/socket.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "netmem/base/mapping.h"
#include "netmem/base/units.h"
#include "netmem/ports/xdp/quiet.h"

namespace netmem {

struct XdpHandles {
  xsk_umem* umem = nullptr;
  xsk_socket* socket = nullptr;
  xsk_ring_prod fill{}, transmit{};
  xsk_ring_cons completion{}, receive{};

  XdpHandles() = default;
  XdpHandles(const XdpHandles&) = delete;
  XdpHandles& operator=(const XdpHandles&) = delete;
  ~XdpHandles() {
    if (socket != nullptr) xsk_socket__delete(socket);
    if (umem != nullptr) xsk_umem__delete(umem);
  }
};

namespace {

// Linux 6.6, include/uapi/linux/if_xdp.h.
constexpr std::uint16_t kUseSg = 1 << 4;
// Linux 6.17, the same file: how many packets one system call sends in copy mode, 32 unless told (TX_BATCH_SIZE,
// net/xdp/xsk.c) and at most what the ring holds.
constexpr int kMaxTxSkbBudget = 9;
// Linux XDP_PACKET_HEADROOM, include/uapi/linux/bpf.h: before each frame, the headroom asked for not included.
constexpr std::uint32_t kKernelHeadroom = 256;
// Linux takes no chunk with less room for the frame than this, ETH_ZLEN (net/xdp/xdp_umem.c, xdp_umem_reg): that much
// is useless, so ask for a whole small frame.
constexpr std::uint32_t kLeastRoom = 256;
// The queue's socket before is taken down by the kernel in its own time (net/xdp/xsk_buff_pool.c,
// xp_release_deferred).
constexpr int kBusyTries = 100;
constexpr auto kBusyPause = std::chrono::milliseconds(10);
// Linux Documentation/networking/napi.rst; the values are those that af_xdp.rst's examples use.
constexpr int kBusyPollMicroseconds = 20;
constexpr int kBusyPollBudget = 64;

constexpr const char* kMemoryAdvice = "raise the limit of locked memory (ulimit -l unlimited), or give CAP_IPC_LOCK";

std::string attempt(const XdpSocketOptions& options) {
  return fmt::format("open an xdp port at {} queue {}", options.interface, options.port.queue);
}

// The UMEM is locked in memory and counted (net/xdp/xdp_umem.c, xdp_umem_account_pages).
void raise_memory_limit() {
  const rlimit unlimited{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) return;
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

std::unexpected<Error> umem_error(const XdpSocketOptions& options, std::size_t size, int code) {
  const auto what = fmt::format("register {} of frames with the kernel for {}", format_size(size), options.interface);
  if (code == ENOBUFS) return system_error(what, kMemoryAdvice, code);
  if (code == EPERM || code == EACCES)
    return system_error(what, "run as root, or give the program CAP_NET_RAW and CAP_NET_ADMIN", code);
  if (code == EINVAL) return system_error(what, "use chunks of 4096 or 2048 bytes and less headroom", code);
  return system_error(what, "use less memory or ordinary pages", code);
}

std::unexpected<Error> bind_error(const XdpSocketOptions& options, bool zero_copy, int code) {
  const auto because = [&](std::string reason, std::string advice) {
    return std::unexpected(Error{attempt(options), std::move(reason), std::move(advice), code});
  };
  if (code == EBUSY)
    return because("another AF_XDP socket has this queue", "end the program that has it, or use another queue");
  if (code == EOPNOTSUPP && zero_copy)
    return because("its driver has no zero copy, or not with these options", "leave zero copy to be chosen");
  if (code == ENODEV) return because("the interface is gone", "look at ip link");
  if (code == ENETDOWN) return because("the interface is down", "ip link set " + options.interface + " up");
  if (code == EINVAL)
    return because("the kernel refuses the queue or the options",
                   "use a queue that ethtool -l " + options.interface + " lists");
  return system_error(attempt(options), "see the kernel's log (dmesg)", code);
}

template <class Ring>
XdpRing ring_of(const Ring& ring, std::uint32_t size, bool with_flags) {
  return {.producer = ring.producer,
          .consumer = ring.consumer,
          .flags = with_flags ? ring.flags : nullptr,
          .entries = ring.ring,
          .size = size};
}

struct Way {
  bool zero_copy, multi_buffer;
};
constexpr std::array<Way, 4> kWays{{{true, true}, {true, false}, {false, true}, {false, false}}};

}  // namespace

XdpSocket::XdpSocket() = default;
XdpSocket::XdpSocket(XdpSocket&&) noexcept = default;
XdpSocket& XdpSocket::operator=(XdpSocket&&) noexcept = default;
XdpSocket::~XdpSocket() = default;

int XdpSocket::fd() const { return xsk_socket__fd(handles_->socket); }

// One try; a socket that was refused is of no more use.
Result<void> XdpSocket::bind(const XdpSocketOptions& options, std::span<std::byte> memory, bool zero_copy,
                             bool multi_buffer) {
  const Quiet<libxdp_set_print> quiet;
  const XdpOptions& port = options.port;
  handles_ = std::make_unique<XdpHandles>();
  const xsk_umem_config umem{.fill_size = port.fill_ring,
                             .comp_size = port.completion_ring,
                             .frame_size = port.chunk,
                             .frame_headroom = port.headroom,
                             .flags = 0};
  int status =
      xsk_umem__create(&handles_->umem, memory.data(), memory.size(), &handles_->fill, &handles_->completion, &umem);
  if (status != 0) return umem_error(options, memory.size(), -status);
  xsk_socket_config socket{};
  socket.rx_size = port.receive_ring;
  socket.tx_size = port.transmit_ring;
  socket.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
  socket.bind_flags = static_cast<std::uint16_t>((zero_copy ? XDP_ZEROCOPY : XDP_COPY) | XDP_USE_NEED_WAKEUP |
                                                 (multi_buffer ? kUseSg : 0));
  status = xsk_socket__create(&handles_->socket, options.interface.c_str(), port.queue, handles_->umem,
                              &handles_->receive, &handles_->transmit, &socket);
  if (status != 0) return bind_error(options, zero_copy, -status);
  zero_copy_ = zero_copy;
  multi_buffer_ = multi_buffer;
  return {};
}

// The best way that kernel and driver can. Zero copy with frames in several buffers is more than many drivers can do,
// and kernels before 6.6 know of no frames in several buffers.
Result<void> XdpSocket::bind_best(const XdpSocketOptions& options, std::span<std::byte> memory) {
  using Copy = XdpOptions::Copy;
  if (options.port.copy == Copy::copy) why_copy_ = "not asked for";
  Result<void> bound;
  for (const auto& [zero_copy, multi_buffer] : kWays) {
    const bool wanted = options.port.copy != (zero_copy ? Copy::copy : Copy::zero_copy);
    if (!wanted || (multi_buffer && !options.multi_buffer)) continue;
    bound = bind_patiently(options, memory, zero_copy, multi_buffer);
    if (bound || bound.error().code == EBUSY || bound.error().code == ENODEV) return bound;
    if (zero_copy) why_copy_ = std::strerror(bound.error().code);  // NOLINT(concurrency-mt-unsafe)
  }
  return bound;
}

Result<void> XdpSocket::bind_patiently(const XdpSocketOptions& options, std::span<std::byte> memory, bool zero_copy,
                                       bool multi_buffer) {
  for (int tries = 1;; ++tries) {
    auto bound = bind(options, memory, zero_copy, multi_buffer);
    if (bound || bound.error().code != EBUSY || tries == kBusyTries) return bound;
    std::this_thread::sleep_for(kBusyPause);
  }
}

Result<XdpSocket> XdpSocket::open(const XdpSocketOptions& options, std::span<std::byte> memory) {
  if (::if_nametoindex(options.interface.c_str()) != options.interface_index)
    return refused(attempt(options), "the interface is not in this network namespace, or has another name now",
                   "open the port where its filter was attached");
  raise_memory_limit();
  XdpSocket socket;
  if (auto bound = socket.bind_best(options, memory); !bound) return std::unexpected(bound.error());
  socket.read_rings(options.port);
  ::fcntl(socket.fd(), F_SETFD, FD_CLOEXEC);
  socket.raise_send_budget(options.port.transmit_ring);
  if (auto set = socket.set_busy_poll(options); !set) return std::unexpected(set.error());
  return socket;
}

void XdpSocket::read_rings(const XdpOptions& sizes) {
  rings_ = {.fill = ring_of(handles_->fill, sizes.fill_ring, true),
            .completion = ring_of(handles_->completion, sizes.completion_ring, false),
            .receive = ring_of(handles_->receive, sizes.receive_ring, false),
            .transmit = ring_of(handles_->transmit, sizes.transmit_ring, true)};
}

// One system call for all that is to be sent. Who refuses, as older kernels do, is called more often:
// KernelXdpPort::push.
void XdpSocket::raise_send_budget(std::uint32_t packets) {
  ::setsockopt(fd(), SOL_XDP, kMaxTxSkbBudget, &packets, sizeof packets);
}

Result<void> XdpSocket::set_busy_poll(const XdpSocketOptions& options) {
  if (!options.port.busy_poll) return {};
  constexpr std::array<std::pair<int, int>, 3> kSettings{
      {{SO_PREFER_BUSY_POLL, 1}, {SO_BUSY_POLL, kBusyPollMicroseconds}, {SO_BUSY_POLL_BUDGET, kBusyPollBudget}}};
  for (const auto& [name, value] : kSettings)
    if (::setsockopt(fd(), SOL_SOCKET, name, &value, sizeof value) != 0)
      return system_error("set busy polling at " + options.interface,
                          "use Linux 5.11 or newer, as root or with CAP_NET_ADMIN, or do without");
  return {};
}

std::vector<Counter> XdpSocket::statistics() const {
  xdp_statistics counts{};
  socklen_t size = sizeof counts;
  ::getsockopt(fd(), SOL_XDP, XDP_STATISTICS, &counts, &size);
  // In copy mode a frame for which the fill ring has nothing is counted twice (net/xdp/xsk.c, __xsk_rcv, and
  // xsk_buff_pool.c, __xp_alloc).
  if (!zero_copy_) counts.rx_dropped -= std::min(counts.rx_dropped, counts.rx_fill_ring_empty_descs);
  return {{"fill_ring_empty", counts.rx_fill_ring_empty_descs},
          {"rx_ring_full", counts.rx_ring_full},
          {"rx_dropped", counts.rx_dropped},
          {"rx_invalid", counts.rx_invalid_descs},
          {"tx_invalid", counts.tx_invalid_descs},
          {"tx_ring_empty", counts.tx_ring_empty_descs}};
}

// Another socket can have the queue when the one before is gone for good.
bool wait_until_released(const std::string& interface, unsigned queue) {
  constexpr std::uint32_t kSlots = 64;
  auto memory = Mapping::anonymous(std::size_t{kSlots} * 4096);
  if (!memory) return false;
  XdpSocketOptions options{.interface = interface, .port = {}};
  options.port = {.queue = queue,
                  .chunk = 4096,
                  .fill_ring = kSlots,
                  .completion_ring = kSlots,
                  .receive_ring = kSlots,
                  .transmit_ring = kSlots};
  for (int tries = 0; tries < kBusyTries; ++tries) {
    XdpSocket probe;
    const auto bound = probe.bind(options, {memory->data(), memory->size()}, false, false);
    if (bound || bound.error().code != EBUSY) return true;
    std::this_thread::sleep_for(kBusyPause);
  }
  return false;
}

namespace {

std::size_t count_regions(const MemoryProvider& provider) {
  std::size_t count = 0;
  provider.visit_regions([&](const Region&) { ++count; });
  return count;
}

}  // namespace

Result<std::span<std::byte>> umem_of(const PagePool& frames, const XdpOptions& options) {
  const auto attempt = "open an xdp port over the pool " + std::string(frames.owner_name());
  const MemoryProvider& provider = frames.provider();
  if (provider.is_device())
    return refused(attempt, "its pages are device memory, which the kernel cannot put frames into",
                   "use host memory for frames, and the device's pool as XdpOptions::payload");
  const Region* const region = provider.lasting_region();
  if (region == nullptr)
    return refused(attempt,
                   fmt::format("its memory is in {} regions, which may come and go, and a UMEM is one that stays",
                               count_regions(provider)),
                   "use a provider with one region: host, huge or huge_1g");
  if (options.chunk != 2048 && options.chunk != 4096)
    return refused(attempt, fmt::format("a chunk of {} bytes is none that the kernel takes", options.chunk),
                   "use 2048 or 4096");
  if (options.headroom + kKernelHeadroom + kLeastRoom > options.chunk)
    return refused(
        attempt, fmt::format("a headroom of {} bytes leaves no room in chunks of {}", options.headroom, options.chunk),
        fmt::format("use at most {}", options.chunk - kKernelHeadroom - kLeastRoom));
  for (const std::uint32_t slots :
       {options.fill_ring, options.completion_ring, options.receive_ring, options.transmit_ring})
    if (!std::has_single_bit(slots))
      return refused(attempt, fmt::format("a ring of {} slots is none that the kernel takes", slots),
                     "use powers of two");
  return std::span(reinterpret_cast<std::byte*>(region->address()),
                   std::size_t{region->page_count()} << region->page_shift());
}

}  // namespace netmem
