#include "netmem/ports/link/watch.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "netmem/ports/xdp/frames_test_support.h"

namespace netmem {
namespace {

using testing::VethPair;

std::vector<char> recorded(const char* name) {
  std::ifstream file(std::string(NETMEM_SOURCE_DIR "/tests/fuzz/corpus/link/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the kernel said when tests/fuzz/corpus/link was recorded, of an interface with index 7.
void read_recorded(const char* name, LinkState& state) {
  const std::vector<char> bytes = recorded(name);
  ASSERT_FALSE(bytes.empty()) << name;
  const std::vector<char> messages(bytes.begin() + 1, bytes.end());
  read_link_messages(std::as_bytes(std::span(messages)), 7, state);
}

TEST(LinkWatch, FollowsWhatTheKernelSays) {
  LinkState state;
  read_recorded("appears", state);
  EXPECT_TRUE(state.known);
  EXPECT_FALSE(state.up);
  EXPECT_EQ(state.mtu, 1500u);
  read_recorded("up", state);
  EXPECT_TRUE(state.up);
  read_recorded("mtu", state);
  EXPECT_EQ(state.mtu, 9000u);
  read_recorded("down", state);
  EXPECT_FALSE(state.up);
  read_recorded("bridge", state);
  EXPECT_FALSE(state.removed) << "it left a bridge, no more";
  read_recorded("removed", state);
  EXPECT_TRUE(state.removed);
  EXPECT_EQ(state.ups, 1u);
  EXPECT_EQ(state.downs, 1u);
  EXPECT_EQ(state.mtu_changes, 1u);
}

TEST(LinkWatch, WhatIsNotThereIsGone) {
  LinkState state;
  read_recorded("not_there", state);
  EXPECT_TRUE(state.removed);
}

TEST(LinkWatch, AnInterfaceThatIsGoneIsNotUp) {
  LinkState state;
  read_recorded("up", state);
  read_recorded("not_there", state);
  EXPECT_TRUE(state.removed);
  EXPECT_FALSE(state.up);
  EXPECT_EQ(state.downs, 1u);
}

// Its padded length wraps to 0 in 32 bits. The bytes lie at the end of their allocation, where AddressSanitizer sees a
// read beyond them.
TEST(LinkWatch, AMessageThatClaimsMoreThanCameEndsTheReading) {
  for (const std::uint32_t length : {0xffffffffu, 0xfffffffeu, 0xfffffffdu, 0xfffffffcu, 0x80000000u, 33u, 15u, 0u}) {
    for (const std::size_t size : {sizeof(nlmsghdr), sizeof(nlmsghdr) + sizeof(ifinfomsg)}) {
      std::vector<std::byte> bytes(size);
      const nlmsghdr header{
          .nlmsg_len = length, .nlmsg_type = RTM_DELLINK, .nlmsg_flags = 0, .nlmsg_seq = 0, .nlmsg_pid = 0};
      std::memcpy(bytes.data(), &header, sizeof header);
      LinkState state;
      read_link_messages(bytes, 0, state);
      EXPECT_FALSE(state.known) << length;
    }
  }
}

TEST(LinkWatch, OtherInterfacesAreNoConcern) {
  LinkState state;
  const std::vector<char> bytes = recorded("up");
  const std::vector<char> messages(bytes.begin() + 1, bytes.end());
  read_link_messages(std::as_bytes(std::span(messages)), 99, state);
  EXPECT_FALSE(state.known);
}

TEST(LinkWatch, WhatABridgeSaysOfItIsNoConcern) {
  std::vector<char> bytes = recorded("removed");
  for (std::size_t at = 1; at < bytes.size();) {
    nlmsghdr header;
    std::memcpy(&header, &bytes[at], sizeof header);
    bytes[at + sizeof header] = AF_BRIDGE;  // ifinfomsg::ifi_family
    at += header.nlmsg_len;
  }
  LinkState state;
  const std::vector<char> messages(bytes.begin() + 1, bytes.end());
  read_link_messages(std::as_bytes(std::span(messages)), 7, state);
  EXPECT_FALSE(state.removed);
}

TEST(LinkWatch, StaysInTheNamespaceOfItsCreation) {
  NETMEM_VETH_OR_SKIP(veth, {});
  auto watch = LinkWatch::create(::if_nametoindex(VethPair::kNear));
  ASSERT_TRUE(watch) << watch.error().message();
  EXPECT_TRUE(watch->state().up);
  const testing::InNamespace elsewhere(veth->far_space());
  veth->near("ip link set near0 mtu 1400");
  pollfd wait{.fd = watch->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wait, 1, 5000), 1);
  watch->read();
  EXPECT_EQ(watch->state().mtu, 1400u);
}

// Whoever may administer the network can send to any netlink socket.
TEST(LinkWatch, OnlyTheKernelIsBelieved) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const unsigned index = ::if_nametoindex(VethPair::kNear);
  auto watch = LinkWatch::create(index);
  ASSERT_TRUE(watch) << watch.error().message();
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } removed{};
  removed.header.nlmsg_len = sizeof removed;
  removed.header.nlmsg_type = RTM_DELLINK;
  removed.link.ifi_index = static_cast<int>(index);
  sockaddr_nl address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(watch->fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const Fd liar(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  ASSERT_EQ(::sendto(liar.get(), &removed, sizeof removed, 0, reinterpret_cast<sockaddr*>(&address), size),
            static_cast<ssize_t>(sizeof removed));
  watch->read();
  EXPECT_FALSE(watch->state().removed);
  EXPECT_EQ(watch->state().downs, 0u);
}

// More changes than the socket's buffer holds messages about, and the last of them counts.
TEST(LinkWatch, NewsThatTheKernelDroppedIsAskedFor) {
  NETMEM_VETH_OR_SKIP(veth, {});
  auto watch = LinkWatch::create(::if_nametoindex(VethPair::kNear));
  ASSERT_TRUE(watch) << watch.error().message();
  const std::string changes = "for i in $(seq 600 1200); do echo link set near0 mtu $i; done";
  ASSERT_EQ(veth->near(changes + " | ip -batch - && ip link set near0 mtu 1400"), 0);
  watch->read();
  EXPECT_LT(watch->state().mtu_changes, 600u) << "nothing was lost";
  EXPECT_EQ(watch->state().mtu, 1400u);
}

// Each name is in every message about the interface: 300 of them make it longer than 32 KiB.
TEST(LinkWatch, AnInterfaceWithManyNamesIsWatched) {
  NETMEM_VETH_OR_SKIP(veth, {});
  ASSERT_EQ(
      veth->near(
          "for i in $(seq 300); do printf 'link property add dev near0 altname n%0120d\\n' $i; done | ip -batch -"),
      0);
  auto watch = LinkWatch::create(::if_nametoindex(VethPair::kNear));
  ASSERT_TRUE(watch) << watch.error().message();
  veth->near("ip link set near0 mtu 1400");
  watch->read();
  EXPECT_EQ(watch->state().mtu, 1400u);
}

TEST(LinkWatch, AnInterfaceThatIsNotThereIsRefused) {
  const auto watch = LinkWatch::create(0x7fff0000);
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().message(), "cannot watch a network interface over rtnetlink: it is gone; look at ip link");
}

}  // namespace
}  // namespace netmem
