// Port xdp over a veth pair. What needs no kernel is in xdp_queue_test.cc.
#include "netmem/ports/xdp_port.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "netmem/base/units.h"
#include "netmem/ports/port_test_support.h"
#include "netmem/ports/xdp_test_support.h"
#include "netmem/providers/device.h"
#include "netmem/providers/huge.h"

namespace netmem {
namespace {

using testing::host_memory;
using testing::make_pool;
using testing::pattern;
using testing::receive_text;
using testing::send_text;
using testing::VethPair;

constexpr XdpMatch kUdp9000{.protocol = IPPROTO_UDP, .port = 9000};

std::uint64_t counter(const XdpPort& port, const std::string& name) {
  for (const Counter& one : port.counters())
    if (one.name == name) return one.value;
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// Frames that the program redirected were received, or a counter says why not.
void expect_nothing_lost(const XdpPort& port) {
  EXPECT_EQ(counter(port, "redirected"),
            counter(port, "received") + counter(port, "no_device_page") + counter(port, "too_many_buffers") +
                counter(port, "payload_copy_failed") + counter(port, "rx_dropped") + counter(port, "rx_ring_full") +
                counter(port, "fill_ring_empty"));
}

std::string payload_of(const Packet& packet) {
  std::string text(packet.payload_size(), '\0');
  std::size_t at = 0;
  for (const Part& part : packet.payload()) {
    const CopyOut copy{.to = std::as_writable_bytes(std::span(text)).subspan(at, part.size),
                       .from = part.page,
                       .offset = part.offset};
    EXPECT_TRUE(part.page.region().provider().copy_engine().copy_out(std::span(&copy, 1)));
    at += part.size;
  }
  return text;
}

// A filter, a pool and a port at the near interface, whose books balance at the end.
class Station {
 public:
  explicit Station(const XdpOptions& options = {}, XdpMode mode = XdpMode::automatic,
                   std::shared_ptr<MemoryProvider> memory = host_memory(4096))
      : provider_(std::move(memory)), pool_(make_pool(provider_, "frames")) {
    auto attached = XdpFilter::attach(VethPair::kNear, mode);
    EXPECT_TRUE(attached) << attached.error().message();
    if (attached) filter = *attached;
    open(options);
  }
  ~Station() { close(); }
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  void open(const XdpOptions& options) {
    auto opened = XdpPort::create(filter, *pool_, options);
    ASSERT_TRUE(opened) << opened.error().message();
    port = std::move(*opened);
  }
  void close() {
    port.reset();
    testing::expect_balanced(*pool_);
    EXPECT_EQ(provider_->free_pages() + pool_->counters().hold - pool_->counters().release,
              provider_->regions()[0]->page_count());
  }
  void add(const XdpMatch& match, unsigned queue = 0) {
    const auto added = filter->add(queue, match);
    EXPECT_TRUE(added) << added.error().message();
  }

  // Payloads in the order of arrival, until there are `count` or nothing comes for two seconds.
  std::vector<std::string> receive(std::size_t count) {
    std::vector<std::string> texts;
    std::vector<Packet> packets(64);
    while (texts.size() < count) {
      const auto got = port->receive(packets, 2000);
      EXPECT_TRUE(got) << got.error().message();
      if (!got || *got == 0) break;
      for (std::size_t i = 0; i < *got; ++i) texts.push_back(payload_of(packets[i]));
      drop(std::span(packets).first(*got));
    }
    return texts;
  }
  // Nothing more is there.
  void expect_silence() {
    std::vector<Packet> packets(64);
    const auto got = port->receive(packets, 0);
    EXPECT_TRUE(got && *got == 0);
  }
  PagePool& pool() { return *pool_; }

  std::shared_ptr<XdpFilter> filter;
  std::unique_ptr<XdpPort> port;

 private:
  std::shared_ptr<MemoryProvider> provider_;
  PagePoolPtr pool_;
};

// ---- what the program takes ----

TEST(XdpPort, ReceivesWhatMatchesAndLeavesTheRestToTheKernel) {
  NETMEM_VETH_OR_SKIP(veth, {});
  Station station;
  station.add(kUdp9000);
  const Fd kernel = veth->near_udp(9001);
  const Fd wanted = veth->far_udp("10.77.0.2", 9000);
  const Fd other = veth->far_udp("10.77.0.2", 9001);
  send_text(wanted, "for the port");
  send_text(other, "for the kernel");
  EXPECT_EQ(station.receive(1), std::vector<std::string>{"for the port"});
  EXPECT_EQ(receive_text(kernel), "for the kernel");
  EXPECT_EQ(counter(*station.port, "received"), 1u);
  EXPECT_EQ(counter(*station.port, "redirected"), 1u);
  expect_nothing_lost(*station.port);
}

}  // namespace
}  // namespace netmem
