// A queue of port `xdp` between a pool and a kernel that the test plays. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netmem/ports/xdp/queue.h"
#include "tests/support/fake_xdp_kernel.h"
#include "tests/support/frames.h"
#include "tests/support/pool_checks.h"
#include "tests/support/test_provider.h"

namespace netmem {

// The bytes of a packet, wherever they lie.
inline std::vector<std::byte> bytes_of(const Packet& packet) {
  std::vector<std::byte> bytes;
  const auto add = [&](const Part& part) {
    if (part.size == 0) return;
    const std::size_t at = bytes.size();
    bytes.resize(at + part.size);
    const CopyOut copy{.to = std::span(bytes).subspan(at), .from = part.page, .offset = part.offset};
    EXPECT_TRUE(part.page.region().provider().copy_engine().copy_out({&copy, 1}));
  };
  add(packet.header());
  for (const Part& part : packet.payload()) add(part);
  return bytes;
}

// Ethernet, IPv4, UDP; `seed` makes payloads differ. 42 bytes of headers.
inline frames::Bytes udp_frame(std::size_t payload, unsigned seed = 0) {
  frames::Bytes bytes = frames::filled(payload);
  for (std::size_t i = 0; i < payload; ++i) bytes[i] ^= static_cast<std::byte>(seed * 7 + i / 256);
  return frames::ethernet(frames::kIpv4) + frames::ipv4(frames::kUdp, 8 + payload) + frames::udp(payload) + bytes;
}
inline constexpr std::uint32_t kUdpHeaders = 42;

struct XdpWorldOptions {
  std::uint32_t pages = 64;
  unsigned page_shift = 12;
  FakeXdpKernel::Options kernel = {};
  XdpQueueOptions queue = {.most_posted = 32, .interface = 7, .queue = 3};
  std::shared_ptr<MemoryProvider> payload = {};  // header split into a pool of this
};

class XdpWorld {
 public:
  explicit XdpWorld(XdpWorldOptions options = {})
      : memory(TestProvider::create(options.pages, options.page_shift)),
        pool(PagePool::create(memory, {.name = "frames"}).value()),
        kernel(*memory->lasting_region(), options.kernel) {
    if (options.payload) {
      payload = PagePool::create(options.payload, {.name = "payload", .allow_unreadable = true}).value();
      options.queue.payload = payload.get();
    }
    options.queue.chunk = options.kernel.chunk;
    queue.emplace(*pool, kernel.rings(), options.queue);
  }
  // Every page is at home once the queue is gone and nothing is held.
  ~XdpWorld() {
    queue.reset();
    pool->flush_fragments();
    EXPECT_EQ(pool->counters().inflight(), 0);
    expect_balanced(*pool);
    if (!payload) return;
    payload->flush_fragments();
    EXPECT_EQ(payload->counters().inflight(), 0);
    expect_balanced(*payload);
  }

  std::vector<Packet> receive(std::size_t most = 64) {
    std::vector<Packet> packets(most);
    packets.resize(queue->receive(packets));
    return packets;
  }
  std::size_t transmit(Packet packet) { return queue->transmit({&packet, 1}); }

  [[nodiscard]] std::uint64_t count(const std::string& name) const {
    for (const Counter& counter : queue->counters())
      if (counter.name == name) return counter.value;
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  [[nodiscard]] std::int64_t inflight() const { return pool->counters().inflight(); }

  std::shared_ptr<TestProvider> memory;
  PagePoolPtr pool, payload;
  FakeXdpKernel kernel;
  std::optional<XdpQueue> queue;
};

}  // namespace netmem
