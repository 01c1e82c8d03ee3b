#include "netmem/ports/xdp/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "netmem/ports/xdp/program.h"
#include "netmem/ports/xdp/program_bytes.h"
#include "netmem/ports/xdp/quiet.h"

namespace netmem {
namespace {

// An interface can have that many queues even if it has fewer now (ethtool -L).
constexpr std::uint32_t kFewestSlots = 64;
// While another process attaches or goes, this often, a millisecond apart.
constexpr int kTries = 1000;

constexpr const char* kPrivileges = "run as root, or give the program CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF";
constexpr const char* kJoinPrivileges =
    "run as root: to join the program of another process takes CAP_SYS_ADMIN as well";

struct MapShape {
  const char* name;
  bpf_map_type type;
  std::uint32_t key, value;
  Fd XdpAttachment::* fd;
};
static_assert(sizeof(NetmemXdpQueue) == 64);
constexpr std::array<MapShape, 3> kMaps{{
    {"netmem_sockets", BPF_MAP_TYPE_XSKMAP, 4, 4, &XdpAttachment::sockets},
    {"netmem_queues", BPF_MAP_TYPE_ARRAY, 4, sizeof(NetmemXdpQueue), &XdpAttachment::queues},
    {"netmem_matches", BPF_MAP_TYPE_HASH, sizeof(NetmemXdpMatch), 4, &XdpAttachment::matches},
}};
// The kernel keeps BPF_OBJ_NAME_LEN - 1 characters.
bool same_name(std::string_view in_kernel, std::string_view name) {
  return in_kernel == name.substr(0, BPF_OBJ_NAME_LEN - 1);
}

std::string attempt(const std::string& interface) { return "attach the XDP program to " + interface; }

Result<Fd> duplicate(int fd, const std::string& interface) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return system_error(attempt(interface), "raise the open file limit (ulimit -n)");
  return copy;
}

Result<void> check_kernel(const std::string& interface) {
  const Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (socket) return {};
  if (errno == EAFNOSUPPORT)
    return std::unexpected(Error{.attempted = attempt(interface),
                                 .reason = "this kernel has no AF_XDP",
                                 .advice = "use a kernel that was built with CONFIG_XDP_SOCKETS (Linux 5.4 or newer)",
                                 .code = errno});
  return system_error("open an AF_XDP socket", kPrivileges);
}

// --- a program of our own -------------------------------------------------------------------------------------------

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

// One flavour in the kernel; empty, with errno, where the kernel refuses it.
Object load(bool frags, std::uint32_t slots) {
  const auto bytes = xdp_program_bytes();
  bpf_object_open_opts options;
  std::memset(&options, 0, sizeof options);
  options.sz = sizeof options;
  options.object_name = "netmem";
  Object object(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!object) return nullptr;
  const char* unused = frags ? NETMEM_XDP_PLAIN : NETMEM_XDP_FRAGS;
  bpf_program__set_autoload(bpf_object__find_program_by_name(object.get(), unused), false);
  for (const MapShape& map : kMaps)
    if (map.type != BPF_MAP_TYPE_HASH)
      bpf_map__set_max_entries(bpf_object__find_map_by_name(object.get(), map.name), slots);
  const int status = bpf_object__load(object.get());
  if (status == 0) return object;
  errno = -status;
  return nullptr;
}

Fd link_program(const bpf_object& object, bool frags, unsigned index, XdpMode mode) {
  const bpf_program* program = bpf_object__find_program_by_name(&object, frags ? NETMEM_XDP_FRAGS : NETMEM_XDP_PLAIN);
  bpf_link_create_opts options;
  std::memset(&options, 0, sizeof options);
  options.sz = sizeof options;
  options.flags = mode == XdpMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  return Fd(bpf_link_create(bpf_program__fd(program), static_cast<int>(index), BPF_XDP, &options));
}

Result<XdpAttachment> describe_own(const bpf_object& object, Fd link, std::uint32_t slots,
                                   const std::string& interface) {
  XdpAttachment attachment;
  attachment.link = std::move(link);
  attachment.slots = slots;
  for (const MapShape& map : kMaps) {
    auto fd = duplicate(bpf_map__fd(bpf_object__find_map_by_name(&object, map.name)), interface);
    if (!fd) return std::unexpected(fd.error());
    attachment.*map.fd = std::move(*fd);
  }
  return attachment;
}

std::unexpected<Error> explain_refusal(const std::string& interface, XdpMode mode, int code) {
  const auto because = [&](std::string reason, std::string advice) {
    return std::unexpected(Error{attempt(interface), std::move(reason), std::move(advice), code});
  };
  if (code == EPERM) return system_error(attempt(interface), kPrivileges, code);
  if (code == ERANGE)
    return because("its MTU, or its peer's, is too large for native XDP without multi-buffer",
                   "lower the MTU (ip link set " + interface + " mtu 1500), or use generic mode");
  if (code == EOPNOTSUPP && mode == XdpMode::native) return because("its driver has no native XDP", "use generic mode");
  if (code == ENODEV || code == ENXIO) return because("the interface is gone", "look at ip link");
  return system_error(attempt(interface), "see the kernel's log (dmesg)", code);
}

// In one mode, with several buffers to a frame if the kernel and the driver can. EBUSY and EEXIST: somebody was faster.
Result<XdpAttachment> attach_own(const std::string& interface, unsigned index, std::uint32_t slots, XdpMode mode) {
  int code = 0;
  for (const bool frags : {true, false}) {
    const Object object = load(frags, slots);
    Fd link = object ? link_program(*object, frags, index, mode) : Fd();
    if (!link) {
      // What the second try says tells more: it is about the frames' size, and not about what the kernel lacks.
      code = errno;
      if (code == EBUSY || code == EEXIST || code == EPERM) break;
      continue;
    }
    auto attachment = describe_own(*object, std::move(link), slots, interface);
    if (!attachment) return attachment;
    attachment->mode = mode;
    attachment->multi_buffer = frags;
    return attachment;
  }
  return explain_refusal(interface, mode, code);
}

// --- another process's program --------------------------------------------------------------------------------------

// Empty: it went meanwhile.
using Joined = Result<std::optional<XdpAttachment>>;

std::unexpected<Error> foreign(const std::string& interface, std::uint32_t id, const char* name, const char* why) {
  return refused(attempt(interface), fmt::format("another XDP program is there, id {}, name \"{}\"{}", id, name, why),
                 "end the program that uses it, or detach it: ip link set " + interface + " xdp off");
}

// Errors of looking something up by its number: ENOENT means that it has gone.
Joined lookup_failed(const std::string& interface, int code) {
  if (code == ENOENT) return std::nullopt;
  return system_error("join the XDP program at " + interface, code == EPERM ? kJoinPrivileges : "try again", code);
}

// The kernel looks at what stands behind the fields that it knows, padding included, and refuses what is not zero.
template <class Info>
bool read_info(int fd, Info& info) {
  std::memset(&info, 0, sizeof info);
  std::uint32_t size = sizeof info;
  return bpf_obj_get_info_by_fd(fd, &info, &size) == 0;
}

// The link that holds the program at its interface; empty, with errno.
Fd find_link(std::uint32_t program) {
  std::uint32_t id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) {
    Fd link(bpf_link_get_fd_by_id(id));
    if (!link && errno == ENOENT) continue;
    if (!link) return link;
    bpf_link_info info;
    if (read_info(link.get(), info) && info.type == BPF_LINK_TYPE_XDP && info.prog_id == program &&
        info.xdp.ifindex != 0)
      return link;
  }
  return {};
}

// Puts the map where it belongs, if it is one of ours; whether it is.
bool take_map(XdpAttachment& attachment, Fd map) {
  bpf_map_info info;
  if (!read_info(map.get(), info)) return false;
  for (const MapShape& shape : kMaps) {
    if (!same_name(info.name, shape.name)) continue;
    if (info.type != shape.type || info.key_size != shape.key || info.value_size != shape.value) return false;
    if (shape.type == BPF_MAP_TYPE_XSKMAP) attachment.slots = info.max_entries;
    attachment.*shape.fd = std::move(map);
    return true;
  }
  return false;
}

struct ProgramInfo {
  bpf_prog_info info;
  std::array<std::uint32_t, kMaps.size()> maps{};
  bool read(int program) {
    std::memset(&info, 0, sizeof info);
    info.nr_map_ids = kMaps.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
    std::uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(program, &info, &size) == 0;
  }
  [[nodiscard]] bool is_frags() const { return same_name(info.name, NETMEM_XDP_FRAGS); }
  [[nodiscard]] bool is_ours() const {
    return (is_frags() || same_name(info.name, NETMEM_XDP_PLAIN)) && info.nr_map_ids == kMaps.size();
  }
};

Joined join(const std::string& interface, std::uint32_t id, XdpMode mode) {
  const Fd program(bpf_prog_get_fd_by_id(id));
  if (!program) return lookup_failed(interface, errno);
  ProgramInfo found;
  if (!found.read(program.get())) return lookup_failed(interface, errno);
  if (!found.is_ours()) return foreign(interface, id, found.info.name, "");
  errno = ENOENT;
  XdpAttachment attachment;
  attachment.link = find_link(id);
  if (!attachment.link) return lookup_failed(interface, errno);
  for (std::uint32_t i = 0; i < found.info.nr_map_ids; ++i) {
    Fd map(bpf_map_get_fd_by_id(found.maps[i]));
    if (!map) return lookup_failed(interface, errno);
    if (!take_map(attachment, std::move(map)))
      return foreign(interface, id, found.info.name, ", of another version of netmem");
  }
  attachment.mode = mode;
  attachment.multi_buffer = found.is_frags();
  attachment.joined = true;
  return attachment;
}

// --- either ---------------------------------------------------------------------------------------------------------

// Empty: nothing is attached there.
struct Found {
  std::uint32_t id = 0;
  XdpMode mode = XdpMode::native;
};
Result<Found> find_program(const std::string& interface, unsigned index) {
  bpf_xdp_query_opts query;
  std::memset(&query, 0, sizeof query);
  query.sz = sizeof query;
  const int status = bpf_xdp_query(static_cast<int>(index), 0, &query);
  if (status != 0) return system_error("ask for the XDP program at " + interface, "look at ip link", -status);
  if (query.drv_prog_id != 0) return Found{query.drv_prog_id, XdpMode::native};
  if (query.skb_prog_id != 0) return Found{query.skb_prog_id, XdpMode::generic};
  return Found{query.hw_prog_id, XdpMode::native};
}

Result<XdpAttachment> attach_fresh(const std::string& interface, unsigned index, std::uint32_t slots, XdpMode mode) {
  if (mode != XdpMode::automatic) return attach_own(interface, index, slots, mode);
  auto native = attach_own(interface, index, slots, XdpMode::native);
  const bool no_native =
      !native && native.error().code != EBUSY && native.error().code != EEXIST && native.error().code != EPERM;
  return no_native ? attach_own(interface, index, slots, XdpMode::generic) : std::move(native);
}

}  // namespace

Result<XdpAttachment> attach_xdp(const std::string& interface, unsigned index, unsigned queues, XdpMode mode) {
  if (auto fine = check_kernel(interface); !fine) return std::unexpected(fine.error());
  const Quiet<libbpf_set_print> quiet;
  const std::uint32_t slots = std::max(queues, kFewestSlots);
  for (int tries = 0; tries < kTries; ++tries) {
    if (tries != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto found = find_program(interface, index);
    if (!found) return std::unexpected(found.error());
    if (found->id != 0) {
      auto joined = join(interface, found->id, found->mode);
      if (!joined) return std::unexpected(joined.error());
      if (*joined) return std::move(**joined);
      continue;
    }
    auto own = attach_fresh(interface, index, slots, mode);
    if (own || (own.error().code != EBUSY && own.error().code != EEXIST)) return own;
  }
  return refused(attempt(interface), "other programs come and go there all the time", "look at ip -details link");
}

}  // namespace netmem
