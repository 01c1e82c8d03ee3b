#include "netmem/ports/link/watch.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
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
  note_up(state, false);
  state.known = true;
}

// The size of the first message with its padding, where libmnl still looks for attributes; 0 where it did not come
// whole. A header can claim any length, so this is computed in 64 bits: in 32 a length near 2^32 wraps to 0.
std::size_t padded_size(std::span<const std::byte> messages) {
  if (messages.size() < sizeof(nlmsghdr)) return 0;
  const std::uint64_t claimed = reinterpret_cast<const nlmsghdr*>(messages.data())->nlmsg_len;
  const std::uint64_t padded = (claimed + MNL_ALIGNTO - 1) / MNL_ALIGNTO * MNL_ALIGNTO;
  return claimed < sizeof(nlmsghdr) || padded > messages.size() ? 0 : padded;
}

}  // namespace

void read_link_messages(std::span<const std::byte> messages, unsigned index, LinkState& state) {
  while (const std::size_t size = padded_size(messages)) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(messages.data());
    if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK) read_link(message, index, state);
    if (message->nlmsg_type == NLMSG_ERROR) read_error(message, state);
    messages = messages.subspan(size);
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
    const int count = ::poll(&wait, 1, 10'000);
    if (count < 0 && errno != EINTR) return system_error(kAttempt);
    if (count == 0) return refused(kAttempt, "the kernel does not answer", "try again");
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

std::optional<LinkWatch::Datagram> LinkWatch::receive() {
  // The names of an interface are in every message about it and can make it longer than any buffer set aside for it.
  const ssize_t size = ::recv(fd(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
  if (size < 0) return std::nullopt;
  buffer_.resize(static_cast<std::size_t>(size));
  sockaddr_nl sender{};
  socklen_t length = sizeof sender;
  auto* address = reinterpret_cast<sockaddr*>(&sender);
  const ssize_t received = ::recvfrom(fd(), buffer_.data(), buffer_.size(), 0, address, &length);
  if (received < 0) return std::nullopt;
  return Datagram{.bytes = std::span(buffer_).first(static_cast<std::size_t>(received)), .sender = sender.nl_pid};
}

void LinkWatch::read() {
  while (true) {
    if (const auto datagram = receive()) {
      // Any process that may administer the network can send to this socket, too. The kernel's port is 0.
      if (datagram->sender == 0) read_link_messages(datagram->bytes, index_, state_);
    } else if (errno == ENOBUFS) {
      news_was_lost_ = true;
    } else if (news_was_lost_ && ask()) {
      // Only now: until all that waited is read, the kernel drops its answer as well.
      news_was_lost_ = false;
    } else {
      return;
    }
  }
}

}  // namespace netmem
