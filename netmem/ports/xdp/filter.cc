#include "netmem/ports/xdp/filter.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

#include "netmem/base/quote.h"
#include "netmem/ports/link/watch.h"

namespace netmem {
namespace {

bool same(const NetmemXdpMatch& a, const NetmemXdpMatch& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

NetmemXdpShape shape_of(const XdpMatch& match) {
  if (match.protocol == 0) return netmem_xdp_any;
  if (match.port) return match.address ? netmem_xdp_port_address : netmem_xdp_port;
  return match.address ? netmem_xdp_address : netmem_xdp_protocol;
}

NetmemXdpMatch key_of(unsigned queue, const XdpMatch& match) {
  NetmemXdpMatch key{};
  key.queue = queue;
  key.protocol = match.protocol;
  key.shape = static_cast<std::uint8_t>(shape_of(match));
  if (match.port) key.port = htons(*match.port);
  if (match.address) std::memcpy(key.address, match.address->data(), sizeof key.address);
  return key;
}

// Why the match cannot be one; null: it can.
const char* complaint(const XdpMatch& match) {
  if (match.protocol == 0 && (match.port || match.address)) return "a port or an address needs a protocol";
  if (match.port && match.protocol != IPPROTO_UDP && match.protocol != IPPROTO_TCP)
    return "only UDP and TCP have ports here";
  if (match.port && *match.port == 0) return "there is no port 0";
  return nullptr;
}

struct Channels {
  unsigned now = 0;
  unsigned most = 0;
};
// Receive queues; zeroes where the driver does not say.
Channels ask_channels(int socket, const std::string& interface) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  if (::ioctl(socket, SIOCETHTOOL, &request) != 0) return {};
  return {channels.rx_count + channels.combined_count, channels.max_rx + channels.max_combined};
}

Result<unsigned> find_interface(const std::string& interface) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index != 0) return index;
  return refused("attach the XDP program to " + in_quotes(interface), "there is no such interface",
                 "ip link lists those of this network namespace");
}

// As many entries as there can be; a map that is edited meanwhile may show one twice.
constexpr std::size_t kMostSteps = std::size_t{4} * NETMEM_XDP_MAX_MATCHES;

}  // namespace

unsigned KernelXdpFilter::queues() const {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index_);
  const bool named = ::ioctl(socket_.get(), SIOCGIFNAME, &request) == 0;
  unsigned now = ask_channels(socket_.get(), named ? request.ifr_name : interface_).now;
  if (now == 0) now = made_with_;  // the loopback interface's driver, for one, does not say
  return now == 0 ? attachment_.slots : std::min(now, attachment_.slots);
}

Result<KernelXdpFilter::Key> KernelXdpFilter::checked_key(const char* attempted, unsigned queue,
                                                          const XdpMatch& match) const {
  const auto attempt = fmt::format("{} {} queue {}", attempted, interface_, queue);
  if (const char* why = complaint(match)) return refused(attempt, why, "set protocol to IPPROTO_UDP or IPPROTO_TCP");
  if (queue >= attachment_.slots)
    return refused(attempt, fmt::format("the XDP program there serves {} queues", attachment_.slots),
                   "use a lower queue");
  return key_of(queue, match);
}

Result<void> KernelXdpFilter::add(unsigned queue, const XdpMatch& match) {
  const auto key = checked_key("add a match to", queue, match);
  if (!key) return std::unexpected(key.error());
  const std::scoped_lock lock(mutex_);
  const std::uint32_t present = 1;
  const int status = bpf_map_update_elem(attachment_.matches.get(), &*key, &present, BPF_ANY);
  const auto attempt = fmt::format("add a match to {} queue {}", interface_, queue);
  if (status == -E2BIG)
    return refused(attempt, fmt::format("there are {} already", NETMEM_XDP_MAX_MATCHES), "remove some");
  if (status != 0) return system_error(attempt, "", -status);
  if (std::ranges::none_of(own_, [&](const Key& one) { return same(one, *key); })) own_.push_back(*key);
  __atomic_fetch_or(&entry(queue).shapes, std::uint64_t{1} << key->shape, __ATOMIC_SEQ_CST);
  return {};
}

Result<void> KernelXdpFilter::remove(unsigned queue, const XdpMatch& match) {
  const auto key = checked_key("remove a match from", queue, match);
  if (!key) return std::unexpected(key.error());
  const std::scoped_lock lock(mutex_);
  const int status = bpf_map_delete_elem(attachment_.matches.get(), &*key);
  if (status != 0 && status != -ENOENT)
    return system_error(fmt::format("remove a match from {} queue {}", interface_, queue), "", -status);
  std::erase_if(own_, [&](const Key& one) { return same(one, *key); });
  update_shapes(queue);
  return {};
}

Result<void> KernelXdpFilter::clear(unsigned queue) {
  if (queue >= attachment_.slots) return {};
  const std::scoped_lock lock(mutex_);
  for (const Key& key : keys_of(queue)) bpf_map_delete_elem(attachment_.matches.get(), &key);
  std::erase_if(own_, [&](const Key& one) { return one.queue == queue; });
  update_shapes(queue);
  return {};
}

void KernelXdpFilter::clear_others(unsigned queue) {
  const std::scoped_lock lock(mutex_);
  for (const Key& key : keys_of(queue))
    if (std::ranges::none_of(own_, [&](const Key& one) { return same(one, key); }))
      bpf_map_delete_elem(attachment_.matches.get(), &key);
  update_shapes(queue);
}

std::vector<KernelXdpFilter::Key> KernelXdpFilter::keys_of(unsigned queue) const {
  std::vector<Key> found;
  Key key{};
  const Key* before = nullptr;
  for (std::size_t steps = 0; steps < kMostSteps; ++steps) {
    Key next{};
    if (bpf_map_get_next_key(attachment_.matches.get(), before, &next) != 0) break;
    if (next.queue == queue) found.push_back(next);
    key = next;
    before = &key;
  }
  return found;
}

// The bits of shapes that have no match any more go. What another process adds meanwhile is found by the second look.
void KernelXdpFilter::update_shapes(unsigned queue) {
  const auto present = [&] {
    const auto keys = keys_of(queue);
    return std::accumulate(keys.begin(), keys.end(), std::uint64_t{0},
                           [](std::uint64_t bits, const Key& key) { return bits | std::uint64_t{1} << key.shape; });
  };
  __atomic_fetch_and(&entry(queue).shapes, present(), __ATOMIC_SEQ_CST);
  __atomic_fetch_or(&entry(queue).shapes, present(), __ATOMIC_SEQ_CST);
}

Result<void> KernelXdpFilter::put_socket(unsigned queue, int socket) {
  const int status = bpf_map_update_elem(attachment_.sockets.get(), &queue, &socket, BPF_ANY);
  if (status == 0) return {};
  return system_error(fmt::format("give {} queue {} its socket", interface_, queue), "", -status);
}

void KernelXdpFilter::take_socket(unsigned queue) { bpf_map_delete_elem(attachment_.sockets.get(), &queue); }

Result<std::shared_ptr<XdpFilter>> XdpFilter::attach(const std::string& interface, XdpMode mode) {
  const auto index = find_interface(interface);
  if (!index) return std::unexpected(index.error());
  const auto link = LinkWatch::create(*index);
  if (!link) return std::unexpected(link.error());
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("open a socket for ethtool", "raise the open file limit (ulimit -n)");
  const unsigned most = std::max(link->state().receive_queues, ask_channels(socket.get(), interface).most);
  auto attachment = attach_xdp(interface, *index, most, mode);
  if (!attachment) return std::unexpected(attachment.error());
  auto queues = Mapping::create(attachment->slots * sizeof(NetmemXdpQueue), 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
                                attachment->queues.get(), 0, "the XDP program's queues");
  if (!queues) return std::unexpected(queues.error());
  const std::span entries(reinterpret_cast<NetmemXdpQueue*>(queues->data()), attachment->slots);
  if (attachment->mode == XdpMode::generic)
    for (NetmemXdpQueue& entry : entries) __atomic_store_n(&entry.shared, 1, __ATOMIC_RELAXED);
  return std::make_shared<KernelXdpFilter>(interface, *index, link->state().receive_queues, std::move(socket),
                                           std::move(*attachment), std::move(*queues));
}

}  // namespace netmem
