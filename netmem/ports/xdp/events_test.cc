// Port xdp over a veth pair: what happens to it. Links that go and come, processes that are killed, pools that run dry.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "netmem/ports/xdp/station_test_support.h"
#include "tests/support/eventually.h"

namespace netmem {
namespace {

using testing::counter;
using testing::expect_nothing_lost;
using testing::host_memory;
using testing::kUdp9000;
using testing::make_pool;
using testing::send_text;
using testing::Station;
using testing::VethPair;

// Until the counter has the value.
void expect_comes(Station& station, const std::string& name, std::uint64_t value) {
  std::vector<Packet> packets(8);
  ASSERT_TRUE(eventually([&] { return counter(*station.port, name) >= value || !station.port->receive(packets, 10); }))
      << name;
  EXPECT_EQ(counter(*station.port, name), value) << name;
}

void expect_one_arrives(const VethPair& veth, Station& station) {
  const Fd sender = veth.far_udp("10.77.0.2", 9000);
  send_text(sender, "still here");
  EXPECT_EQ(station.receive(1), std::vector<std::string>{"still here"});
}

// ---- the interface ----

TEST(XdpEvents, AnInterfaceThatGoesDownAndUpIsSurvived) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  expect_one_arrives(*veth, station);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    veth->near("ip link set near0 down");
    expect_comes(station, "link_down", round);
    veth->near("ip link set near0 up");
    expect_comes(station, "link_up", round);
    veth->far("ip neigh replace 10.77.0.2 lladdr 02:00:00:00:00:02 dev far0 nud permanent");
    expect_one_arrives(*veth, station);
  }
  expect_nothing_lost(*station.port);
}

TEST(XdpEvents, APeerThatGoesDownIsALinkThatIsDown) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  veth->far("ip link set far0 down");
  expect_comes(station, "link_down", 1);
}

TEST(XdpEvents, AnInterfaceThatDisappearsEndsThePort) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  const Fd sender = veth->far_udp("10.77.0.2", 9000);
  send_text(sender, "before");
  EXPECT_EQ(station.receive(1).size(), 1u);
  std::jthread other([&] {
    const testing::InNamespace there(veth->far_space());
    (void)std::system("ip link del far0");  // NOLINT(concurrency-mt-unsafe)
  });
  std::vector<Packet> packets(8);
  const auto got = station.port->receive(packets, -1);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message(),
            "cannot receive from near0 queue 0: the interface is gone; open a new filter and port when it is back");
  EXPECT_EQ(got.error().code, ENODEV);
  EXPECT_FALSE(station.port->receive(packets, 0)) << "for good";
}

TEST(XdpEvents, AnInterfaceThatMovesToAnotherNamespaceEndsThePort) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  const pid_t here = ::gettid();
  int status = 1;
  {
    const testing::InNamespace there(veth->far_space());  // where this thread is meanwhile
    std::thread([&] { status = veth->near("ip link set near0 netns " + std::to_string(here)); }).join();
  }
  ASSERT_EQ(status, 0);
  std::vector<Packet> packets(8);
  const auto got = station.port->receive(packets, kLimitMs);
  EXPECT_FALSE(got);
}

TEST(XdpEvents, ChangesOfTheMtuAreCountedAndFollowed) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  veth->near("ip link set near0 mtu 1000");
  expect_comes(station, "mtu_changes", 1);
  std::vector<Packet> packets(1);
  packets[0].set_header({station.pool().try_alloc(), 0, 1200});
  EXPECT_EQ(station.port->transmit(packets), 1u);
  EXPECT_EQ(counter(*station.port, "too_large_to_send"), 1u);
  veth->near("ip link set near0 mtu 1500");
  expect_comes(station, "mtu_changes", 2);
  packets[0].set_header({station.pool().try_alloc(), 0, 1200});
  EXPECT_EQ(station.port->transmit(packets), 1u);
  EXPECT_EQ(counter(*station.port, "too_large_to_send"), 1u);
  expect_one_arrives(*veth, station);
}

// ---- processes ----

// A process that receives and never drops, until it is killed.
class Victim {
 public:
  explicit Victim(unsigned queue = 0) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    pid_ = ::fork();
    if (pid_ == 0) work(queue, ready[1]);
    char fine = 0;
    EXPECT_EQ(::read(ready[0], &fine, 1), 1);
    EXPECT_EQ(fine, 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Victim() { kill(); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  [[noreturn]] static void work(unsigned queue, int ready) {
    const auto filter = XdpFilter::attach(VethPair::kNear);
    const auto pool = make_pool(host_memory(1024), "victim");
    auto port = filter ? XdpPort::create(*filter, *pool, {.queue = queue}) : refused("", "");
    const bool fine = filter && port && (*filter)->add(queue, kUdp9000);
    (void)!::write(ready, fine ? "y" : "n", 1);
    std::vector<Packet> packets(64);
    while (fine) {
      (void)(*port)->receive(packets, -1);
      drop(packets);
    }
    ::_exit(1);
  }

  pid_t pid_ = 0;
};

TEST(XdpEvents, AProcessKilledInMidTrafficLeavesNothingAndTheNextStartsAtOnce) {
  NETMEM_VETH_OR_SKIP(veth, {});
  std::atomic<bool> stop{false};
  std::jthread traffic([&] {
    const Fd sender = veth->far_udp("10.77.0.2", 9000);
    while (!stop) (void)::send(sender.get(), "x", 1, 0);
  });
  for (int round = 0; round < 5; ++round) {
    Victim victim;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // some traffic; nothing is decided by it
    victim.kill();
    EXPECT_NE(veth->near("ip -o link show near0 | grep -q xdp"), 0) << "the program is still there";
    Station station;
    station.add(kUdp9000);
    EXPECT_EQ(station.receive(10).size() >= 10, true);
  }
  stop = true;
}

TEST(XdpEvents, WhoJoinedSurvivesTheFirstOnesDeath) {
  NETMEM_VETH_OR_SKIP(veth, {.queues = 2});
  Victim first(1);
  const auto filter = XdpFilter::attach(VethPair::kNear).value();
  const PagePoolPtr pool = make_pool(host_memory(1024), "second");
  {
    const auto port = XdpPort::create(filter, *pool, {.queue = 0}).value();
    first.kill();
    EXPECT_EQ(veth->near("ip -o link show near0 | grep -q xdp"), 0);
    // The dead one's matches are still there, and nobody's: the kernel gets what they take.
    const Fd kernel = veth->near_udp(9000);
    const Fd sender = veth->far_udp("10.77.0.2", 9000);
    send_text(sender, "for the kernel");
    EXPECT_EQ(testing::receive_text(kernel), "for the kernel");
    ASSERT_TRUE(filter->add(0, kUdp9000));
    const PagePoolPtr other = make_pool(host_memory(1024), "third");
    const auto heir = XdpPort::create(filter, *other, {.queue = 1}).value();
    constexpr std::size_t kFlows = 64;  // over both queues
    for (std::size_t i = 0; i < kFlows; ++i) send_text(veth->far_udp("10.77.0.2", 9000), "again");
    std::vector<Packet> packets(kFlows);
    std::size_t on_first = 0, at_kernel = 0;
    EXPECT_TRUE(eventually([&] {
      const std::size_t got = port->receive(packets, 0).value_or(0);
      on_first += got;
      drop(std::span(packets).first(got));
      if (testing::receive_text(kernel, 10) == "again") ++at_kernel;
      return on_first + at_kernel == kFlows;
    })) << "the dead one's matches of queue 1 are still there";
    EXPECT_GT(at_kernel, 0u);
  }
  testing::expect_balanced(*pool);
}

// ---- pools ----

TEST(XdpEvents, APoolThatRunsDryRecoversWhenPagesComeBack) {
  NETMEM_VETH_OR_SKIP(veth, {});
  constexpr std::size_t kPages = 8;
  Station station({.most_posted = kPages}, XdpMode::automatic, host_memory(kPages));
  station.add(kUdp9000);
  const Fd sender = veth->far_udp("10.77.0.2", 9000);
  std::vector<Packet> held(kPages);
  std::size_t count = 0;
  ASSERT_TRUE(eventually([&] {
    send_text(sender, "x");
    count += station.port->receive(std::span(held).subspan(count), 100).value_or(0);
    return count == kPages;
  })) << "every page is held";
  std::vector<Packet> packets(kPages);
  EXPECT_EQ(station.port->receive(packets, 20).value_or(99), 0u);
  for (int i = 0; i < 10; ++i) send_text(sender, "lost");
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(station.port->receive(packets, 10).value_or(99), 0u);
    return counter(*station.port, "fill_ring_empty") > 0;
  }));
  EXPECT_GT(counter(*station.port, "starved"), 0u);
  expect_nothing_lost(*station.port);
  // Another thread brings the pages back while the port waits, and then sends until something arrives.
  std::atomic<bool> arrived{false};
  std::jthread other([&] {
    drop(held);
    while (!arrived) {
      send_text(sender, "recovered");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_GT(station.port->receive(packets, kLimitMs).value_or(0), 0u) << "no page was looked for";
  arrived = true;
}

TEST(XdpEvents, PacketsOutliveTheirPort) {
  NETMEM_VETH_OR_SKIP(veth, {});
  const PagePoolPtr pool = make_pool(host_memory(256), "frames");
  std::vector<Packet> packets(8);
  {
    const auto filter = XdpFilter::attach(VethPair::kNear).value();
    const auto port = XdpPort::create(filter, *pool).value();
    ASSERT_TRUE(filter->add(0, kUdp9000));
    send_text(veth->far_udp("10.77.0.2", 9000), "kept");
    ASSERT_EQ(port->receive(packets, kLimitMs).value_or(0), 1u);
  }
  EXPECT_EQ(pool->counters().inflight(), 1);
  EXPECT_EQ(testing::payload_of(packets[0]), "kept");
  packets.clear();
  testing::expect_balanced(*pool);
}

}  // namespace
}  // namespace netmem
