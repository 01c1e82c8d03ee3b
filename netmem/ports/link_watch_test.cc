#include "netmem/ports/link_watch.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "netmem/ports/xdp_test_support.h"

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

TEST(LinkWatch, AnInterfaceThatIsNotThereIsRefused) {
  const auto watch = LinkWatch::create(0x7fff0000);
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().message(), "cannot watch a network interface over rtnetlink: it is gone; look at ip link");
}

}  // namespace
}  // namespace netmem
