#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "netmem/ports/xdp/frames_test_support.h"
#include "netmem/ports/xdp/port.h"

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

// "return XDP_PASS", as the kernel wants it (include/uapi/linux/bpf.h); its descriptor.
Fd load_foreign_program() {
  const bpf_insn pass[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 2},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_attr program;
  std::memset(&program, 0, sizeof program);
  program.prog_type = BPF_PROG_TYPE_XDP;
  program.insns = reinterpret_cast<std::uintptr_t>(pass);
  program.insn_cnt = 2;
  program.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
  std::strncpy(program.prog_name, "foreign", sizeof program.prog_name - 1);
  return Fd(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof program)));
}

TEST(XdpFilter, AForeignProgramIsNamedAndLeftAlone) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const Fd program = load_foreign_program();
  ASSERT_TRUE(program) << errno;
  bpf_attr attach;
  std::memset(&attach, 0, sizeof attach);
  attach.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
  attach.link_create.target_ifindex = ::if_nametoindex(VethPair::kNear);
  attach.link_create.attach_type = BPF_XDP;
  const Fd link(static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attach, sizeof attach)));
  ASSERT_TRUE(link) << errno;
  const auto filter = XdpFilter::attach(VethPair::kNear);
  ASSERT_FALSE(filter);
  const std::string message = filter.error().message();
  EXPECT_NE(message.find("another XDP program is there, id "), std::string::npos) << message;
  EXPECT_NE(message.find(", name \"foreign\";"), std::string::npos) << message;
  EXPECT_EQ(veth->near(kProgramThere), 0);
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
