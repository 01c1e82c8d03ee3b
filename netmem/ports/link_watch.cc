#include "netmem/ports/link_watch.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <memory>

namespace netmem {
namespace {

void note_mtu(LinkState& state, std::uint32_t mtu) {
  if (state.mtu != 0 && state.mtu != mtu) ++state.mtu_changes;
  state.mtu = mtu;
}

void note_up(LinkState& state, bool up) {
  if (state.known && up != state.up) ++(up ? state.ups : state.downs);
  state.up = up;
}

int read_attribute(const nlattr* attribute, void* into) {
  auto& state = *static_cast<LinkState*>(into);
  if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0) return MNL_CB_OK;
  const std::uint32_t number = mnl_attr_get_u32(attribute);
  if (mnl_attr_get_type(attribute) == IFLA_MTU) note_mtu(state, number);
  if (mnl_attr_get_type(attribute) == IFLA_NUM_RX_QUEUES) state.receive_queues = number;
  return MNL_CB_OK;
}

// The body of a message as a T; null where it is too short.
template <class T>
const T* body_of(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(T)) return nullptr;
  return static_cast<const T*>(mnl_nlmsg_get_payload(message));
}

void read_link(const nlmsghdr* message, unsigned index, LinkState& state) {
  const auto* link = body_of<ifinfomsg>(message);
  // A bridge tells with its own family that an interface left it.
  if (link == nullptr || link->ifi_family != AF_UNSPEC || link->ifi_index != static_cast<int>(index)) return;
  const bool removed = message->nlmsg_type == RTM_DELLINK;
  state.removed = removed;
  note_up(state, !removed && (link->ifi_flags & IFF_UP) != 0 && (link->ifi_flags & IFF_RUNNING) != 0);
  if (!removed) mnl_attr_parse(message, sizeof(ifinfomsg), read_attribute, &state);
  state.known = true;
}

// The answer to a question about an interface that is not there.
void read_error(const nlmsghdr* message, LinkState& state) {
  const auto* error = body_of<nlmsgerr>(message);
  if (error == nullptr || error->error != -ENODEV) return;
  state.removed = true;
  state.known = true;
}

}  // namespace

void read_link_messages(std::span<const std::byte> messages, unsigned index, LinkState& state) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(messages.data());
  int left = static_cast<int>(messages.size());
  for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
    // libmnl looks for attributes up to the end of the padding.
    if (MNL_ALIGN(message->nlmsg_len) > static_cast<std::uint32_t>(left)) return;
    if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK) read_link(message, index, state);
    if (message->nlmsg_type == NLMSG_ERROR) read_error(message, state);
  }
}

Result<LinkWatch> LinkWatch::create(unsigned index) {
  constexpr const char* kAttempt = "watch a network interface over rtnetlink";
  Socket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return system_error(kAttempt, "raise the open file limit (ulimit -n)");
  if (mnl_socket_bind(socket.get(), RTMGRP_LINK, MNL_SOCKET_AUTOPID) != 0) return system_error(kAttempt);
  LinkWatch watch(std::move(socket), index);
  if (!watch.ask()) return system_error(kAttempt);
  while (!watch.state_.known) {
    pollfd wait{.fd = watch.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 1000) <= 0) return refused(kAttempt, "the kernel does not answer", "try again");
    watch.read();
  }
  if (watch.state_.removed) return refused(kAttempt, "it is gone", "look at ip link");
  return watch;
}

void LinkWatch::CloseSocket::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

int LinkWatch::fd() const { return mnl_socket_get_fd(socket_.get()); }

bool LinkWatch::ask() {
  alignas(nlmsghdr) std::array<std::byte, 256> buffer;
  nlmsghdr* question = mnl_nlmsg_put_header(buffer.data());
  question->nlmsg_type = RTM_GETLINK;
  question->nlmsg_flags = NLM_F_REQUEST;
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(question, sizeof(ifinfomsg)));
  link->ifi_index = static_cast<int>(index_);
  return mnl_socket_sendto(socket_.get(), question, question->nlmsg_len) > 0;
}

void LinkWatch::read() {
  // The kernel's messages are at most 8 KiB (NLMSG_GOODSIZE); those about links with many VFs are longer.
  alignas(nlmsghdr) std::array<std::byte, 32768> buffer;
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == ENOBUFS && ask()) continue;  // news was lost: what counts is how it is now
    if (size <= 0) return;
    read_link_messages(std::span(buffer).first(static_cast<std::size_t>(size)), index_, state_);
  }
}

}  // namespace netmem
