// A filter, a pool and a port at the near interface of a VethPair, and what tests ask of them. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <memory>
#include <string>
#include <vector>

#include "netmem/ports/stream/port_test_support.h"
#include "netmem/ports/xdp/frames_test_support.h"
#include "netmem/ports/xdp/port.h"
#include "tests/support/eventually.h"

namespace netmem::testing {

inline constexpr XdpMatch kUdp9000{.protocol = IPPROTO_UDP, .port = 9000};

inline std::uint64_t counter(const XdpPort& port, const std::string& name) {
  for (const Counter& one : port.counters())
    if (one.name == name) return one.value;
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// Frames that the program redirected were received, or a counter says why not.
inline void expect_nothing_lost(const XdpPort& port) {
  EXPECT_EQ(counter(port, "redirected"), counter(port, "received") + counter(port, "no_device_page") +
                                             counter(port, "too_many_buffers") + counter(port, "payload_copy_failed") +
                                             counter(port, "rx_dropped") + counter(port, "rx_ring_full") +
                                             counter(port, "fill_ring_empty"));
}

inline std::string payload_of(const Packet& packet) {
  std::string text(packet.payload_size(), '\0');
  std::size_t at = 0;
  for (const Part& part : packet.payload()) {
    const CopyOut copy{
        .to = std::as_writable_bytes(std::span(text)).subspan(at, part.size), .from = part.page, .offset = part.offset};
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
    expect_balanced(*pool_);
    EXPECT_EQ(provider_->free_pages() + pool_->counters().hold - pool_->counters().release,
              provider_->lasting_region()->page_count());
  }
  void add(const XdpMatch& match, unsigned queue = 0) {
    const auto added = filter->add(queue, match);
    EXPECT_TRUE(added) << added.error().message();
  }

  // Payloads in the order of arrival, until there are `count`. Gives up when nothing comes.
  std::vector<std::string> receive(std::size_t count) {
    std::vector<std::string> texts;
    std::vector<Packet> packets(64);
    while (texts.size() < count) {
      const auto got = port->receive(packets, kLimitMs);
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

}  // namespace netmem::testing
