#include "netmem/ports/link_watch.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>

namespace netmem {
namespace {

using Bytes = std::span<const std::byte>;

// The front of `bytes` as a T; empty where they are too short.
template <class T>
std::optional<T> peek(Bytes bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// Netlink aligns everything to 4 bytes; the last piece may lack its padding.
Bytes after(Bytes bytes, std::size_t size) {
  const std::size_t aligned = (size + 3) & ~std::size_t{3};
  return aligned < bytes.size() ? bytes.subspan(aligned) : Bytes{};
}

void note_mtu(LinkState& state, std::uint32_t mtu) {
  if (state.mtu != 0 && state.mtu != mtu) ++state.mtu_changes;
  state.mtu = mtu;
}

void note_up(LinkState& state, bool up) {
  if (state.known && up != state.up) ++(up ? state.ups : state.downs);
  state.up = up;
}

void read_attributes(Bytes bytes, LinkState& state) {
  while (const auto attribute = peek<rtattr>(bytes)) {
    if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > bytes.size()) return;
    const Bytes value = bytes.first(attribute->rta_len).subspan(sizeof(rtattr));
    const auto number = peek<std::uint32_t>(value);
    if (number && attribute->rta_type == IFLA_MTU) note_mtu(state, *number);
    if (number && attribute->rta_type == IFLA_NUM_RX_QUEUES) state.receive_queues = *number;
    bytes = after(bytes, attribute->rta_len);
  }
}

void read_link(Bytes body, bool removed, unsigned index, LinkState& state) {
  const auto link = peek<ifinfomsg>(body);
  // A bridge tells with its own family that an interface left it.
  if (!link || link->ifi_family != AF_UNSPEC || link->ifi_index != static_cast<int>(index)) return;
  state.removed = removed;
  note_up(state, !removed && (link->ifi_flags & IFF_UP) != 0 && (link->ifi_flags & IFF_RUNNING) != 0);
  if (!removed) read_attributes(after(body, sizeof(ifinfomsg)), state);
  state.known = true;
}

// The answer to a question about an interface that is not there.
void read_error(Bytes body, LinkState& state) {
  const auto error = peek<nlmsgerr>(body);
  if (!error || error->error != -ENODEV) return;
  state.removed = true;
  state.known = true;
}

}  // namespace

void read_link_messages(Bytes messages, unsigned index, LinkState& state) {
  while (const auto header = peek<nlmsghdr>(messages)) {
    if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > messages.size()) return;
    const Bytes body = messages.first(header->nlmsg_len).subspan(sizeof(nlmsghdr));
    if (header->nlmsg_type == RTM_NEWLINK) read_link(body, false, index, state);
    if (header->nlmsg_type == RTM_DELLINK) read_link(body, true, index, state);
    if (header->nlmsg_type == NLMSG_ERROR) read_error(body, state);
    messages = after(messages, header->nlmsg_len);
  }
}

Result<LinkWatch> LinkWatch::create(unsigned index) {
  constexpr const char* kAttempt = "watch a network interface over rtnetlink";
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket) return system_error(kAttempt, "raise the open file limit (ulimit -n)");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_error(kAttempt);
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

bool LinkWatch::ask() {
  struct {
    nlmsghdr header{};
    ifinfomsg link{};
  } question;
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = RTM_GETLINK;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.link.ifi_index = static_cast<int>(index_);
  return ::send(socket_.get(), &question, sizeof question, 0) == sizeof question;
}

void LinkWatch::read() {
  std::array<std::byte, 32768> buffer;  // Linux: NLMSG_GOODSIZE at most 8 KiB; link messages with many VFs are longer
  while (true) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ENOBUFS && ask()) continue;  // news was lost: what counts is how it is now
    if (size <= 0) return;
    read_link_messages(std::span(buffer).first(static_cast<std::size_t>(size)), index_, state_);
  }
}

}  // namespace netmem
