#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "netmem/ports/xdp_port.h"
#include "netmem/ports/xdp_test_support.h"

namespace netmem {
namespace {

using testing::InNamespace;
using testing::VethPair;

constexpr const char* kProgramThere = "ip -o link show near0 | grep -q xdp";

std::shared_ptr<XdpFilter> attach(XdpMode mode = XdpMode::automatic) {
  auto filter = XdpFilter::attach(VethPair::kNear, mode);
  EXPECT_TRUE(filter) << filter.error().message();
  return filter ? *filter : nullptr;
}

void expect_refused(const Result<void>& result, const char* why) {
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find(why), std::string::npos) << result.error().message();
}

TEST(XdpFilter, TheProgramIsThereAsLongAsTheFilter) {
  NETMEM_VETH_OR_SKIP(veth, {});
  auto filter = attach();
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->mode(), XdpMode::native);
  EXPECT_EQ(filter->interface(), "near0");
  EXPECT_EQ(filter->queues(), 1u);
  EXPECT_EQ(veth->near(kProgramThere), 0);
  filter.reset();
  EXPECT_NE(veth->near(kProgramThere), 0);
}

TEST(XdpFilter, GenericModeIsThereWhenAskedFor) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const auto filter = attach(XdpMode::generic);
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->mode(), XdpMode::generic);
  EXPECT_EQ(veth->near("ip -o link show near0 | grep -q xdpgeneric"), 0);
}

TEST(XdpFilter, ASecondOneJoinsTheFirstAndOutlivesIt) {
  NETMEM_VETH_OR_SKIP(veth, {});
  auto first = attach(XdpMode::generic);
  auto second = attach(XdpMode::native);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->mode(), XdpMode::generic) << "the first one's mode counts";
  EXPECT_EQ(second->multi_buffer(), first->multi_buffer());
  first.reset();
  EXPECT_EQ(veth->near(kProgramThere), 0);
  second.reset();
  EXPECT_NE(veth->near(kProgramThere), 0);
}

TEST(XdpFilter, ManyThatAttachAtOnceShareOneProgram) {
  NETMEM_VETH_OR_SKIP(veth, {});
  for (int round = 0; round < 5; ++round) {
    std::vector<std::shared_ptr<XdpFilter>> filters(4);
    {
      std::vector<std::jthread> threads;
      for (auto& filter : filters)
        threads.emplace_back([&] {
          const InNamespace there(veth->near_space());
          filter = attach();
        });
    }
    for (const auto& filter : filters) EXPECT_TRUE(filter);
  }
  EXPECT_NE(veth->near(kProgramThere), 0);
}

TEST(XdpFilter, AProcessThatIsKilledLeavesNoProgram) {
  NETMEM_VETH_OR_SKIP(veth, {});
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto filter = XdpFilter::attach(VethPair::kNear);
    const char fine = filter ? 'y' : 'n';
    (void)!::write(ready[1], &fine, 1);
    while (true) ::pause();
  }
  char fine = 0;
  ASSERT_EQ(::read(ready[0], &fine, 1), 1);
  EXPECT_EQ(fine, 'y');
  EXPECT_EQ(veth->near(kProgramThere), 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_NE(veth->near(kProgramThere), 0);
  EXPECT_TRUE(attach());
}

TEST(XdpFilter, MatchesThatMakeNoSenseAreRefused) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const auto filter = attach();
  ASSERT_TRUE(filter);
  expect_refused(filter->add(0, {.port = 1}), "needs a protocol");
  expect_refused(filter->add(0, {.protocol = IPPROTO_ICMP, .port = 1}), "only UDP and TCP have ports");
  expect_refused(filter->add(0, {.protocol = IPPROTO_UDP, .port = 0}), "no port 0");
  expect_refused(filter->add(1 << 20, {}), "queues");
  expect_refused(filter->remove(0, {.port = 1}), "needs a protocol");
}

TEST(XdpFilter, HoldsAsManyMatchesAsItSays) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const auto filter = attach();
  ASSERT_TRUE(filter);
  for (unsigned i = 1; i <= 4096; ++i)
    ASSERT_TRUE(filter->add(0, {.protocol = IPPROTO_UDP, .port = static_cast<std::uint16_t>(i)})) << i;
  EXPECT_TRUE(filter->add(0, {.protocol = IPPROTO_UDP, .port = 1})) << "that one is there";
  expect_refused(filter->add(1, {.protocol = IPPROTO_UDP, .port = 1}), "there are 4096 already");
  EXPECT_TRUE(filter->remove(0, {.protocol = IPPROTO_UDP, .port = 1}));
  EXPECT_TRUE(filter->remove(0, {.protocol = IPPROTO_UDP, .port = 1})) << "removing what is not there is nothing";
  EXPECT_TRUE(filter->add(1, {.protocol = IPPROTO_UDP, .port = 1}));
  EXPECT_TRUE(filter->clear(0));
  EXPECT_TRUE(filter->add(1, {.protocol = IPPROTO_UDP, .port = 2}));
}

TEST(XdpFilter, AnInterfaceThatDoesNotExistIsNamed) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const auto filter = XdpFilter::attach("nowhere0");
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().message(),
            "cannot attach the XDP program to \"nowhere0\": there is no such interface; ip link lists those of this "
            "network namespace");
}

}  // namespace
}  // namespace netmem
