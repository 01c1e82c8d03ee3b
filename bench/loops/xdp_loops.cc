// The data path of port `xdp` against a kernel in the same thread, which does what AF_XDP's copy mode does: it copies
// each frame into the chunk that is next in the fill ring. Only what netmem does is timed: receive, post and drop of
// batches of 64. Nothing but the rings' words and the frames' bytes is shared, as with the real one.

#include <algorithm>
#include <array>
#include <cstring>

#include "bench/loops/loops.h"
#include "netmem/ports/xdp/queue.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/mapped/device.h"

namespace netmem::bench {
namespace {

constexpr std::uint32_t kRing = 2048;
constexpr std::size_t kBatch = 64;
constexpr std::uint32_t kChunk = 4096;
constexpr std::uint32_t kHeadroom = 256;  // XDP_PACKET_HEADROOM
constexpr std::uint32_t kBuffer = kChunk - kHeadroom;
constexpr std::uint32_t kHeaders = 42;  // Ethernet, IPv4, UDP

// An Ethernet frame of `size` bytes without its checksum.
std::vector<std::byte> udp_frame(std::uint32_t size) {
  std::vector<std::byte> frame(size, std::byte{0x5a});
  const auto set = [&](std::size_t at, std::uint32_t value) {
    frame[at] = static_cast<std::byte>(value >> 8);
    frame[at + 1] = static_cast<std::byte>(value);
  };
  set(12, 0x0800);
  set(14, 0x4500);
  set(16, size - 14);
  set(20, 0);
  set(22, 0x4011);
  set(38, size - 34);
  return frame;
}

// The kernel's side of the rings, as lean as it can be: none of it is timed.
class Kernel {
 public:
  XdpRings rings() {
    const auto words = [](auto& ring) {
      return XdpRing{&ring.producer, &ring.consumer, nullptr, ring.entries.data(), kRing};
    };
    return {.fill = words(fill_),
            .completion = words(completion_),
            .receive = words(receive_),
            .transmit = words(transmit_)};
  }
  void receive(std::byte* umem, std::span<const std::byte> frame, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::span<const std::byte> rest = frame; !rest.empty();) {
        const std::span<const std::byte> piece = rest.first(std::min<std::size_t>(rest.size(), kBuffer));
        rest = rest.subspan(piece.size());
        const std::uint64_t address = fill_.entries[fill_.consumer++ % kRing] + kHeadroom;
        std::memcpy(umem + address, piece.data(), piece.size());
        receive_.entries[receive_.producer++ % kRing] = {address, static_cast<std::uint32_t>(piece.size()),
                                                         rest.empty() ? 0 : kXdpContinues};
      }
    }
  }
  // The i-th of the last `count` buffers.
  [[nodiscard]] const xdp_desc& received(std::uint32_t i, std::uint32_t count) const {
    return receive_.entries[(receive_.producer - count + i) % kRing];
  }
  void send() {
    while (transmit_.consumer != transmit_.producer)
      completion_.entries[completion_.producer++ % kRing] = transmit_.entries[transmit_.consumer++ % kRing].addr;
  }

 private:
  template <class Entry>
  struct Ring {
    alignas(64) std::uint32_t producer = 0;
    alignas(64) std::uint32_t consumer = 0;
    alignas(64) std::array<Entry, kRing> entries{};
  };
  Ring<std::uint64_t> fill_, completion_;
  Ring<xdp_desc> receive_, transmit_;
};

struct Pools {
  PagePoolPtr frames, payload;
};

Result<Pools> make_pools(bool split) {
  auto memory = make_host_provider({.size = std::size_t{2} * kRing * 4096, .populate = true});
  if (!memory) return std::unexpected(memory.error());
  auto frames = PagePool::create(std::move(*memory), {.name = "bench frames", .ring_size = std::size_t{2} * kRing});
  if (!frames) return std::unexpected(frames.error());
  Pools pools{.frames = std::move(*frames), .payload = {}};
  if (!split) return pools;
  auto device = make_memfd_provider({.size = std::size_t{1024} * 4096});
  if (!device) return std::unexpected(device.error());
  auto payload = PagePool::create(std::move(*device), {.name = "bench payload", .allow_unreadable = true});
  if (!payload) return std::unexpected(payload.error());
  pools.payload = std::move(*payload);
  return pools;
}

enum class Work : std::uint8_t { receive, echo, copy };

class XdpLoop final : public Loop {
 public:
  XdpLoop(Pools pools, std::uint32_t frame_size, Work work)
      : pools_(std::move(pools)),
        frame_(udp_frame(frame_size)),
        umem_(reinterpret_cast<std::byte*>(pools_.frames->provider().lasting_region()->address())),
        work_(work),
        queue_(*pools_.frames, kernel_.rings(), {.most_posted = kRing, .payload = pools_.payload.get()}),
        elsewhere_(kBatch * (std::size_t{frame_size} + 64)) {
    queue_.post();
  }

  Sample run(std::uint64_t elements) override {
    std::uint64_t cycles = 0;
    for (std::uint64_t done = 0; done < elements; done += kBatch) {
      kernel_.receive(umem_, frame_, kBatch);
      kernel_.send();
      const std::uint64_t began = read_cycles();
      work_ == Work::copy ? copy() : receive();
      cycles += read_cycles() - began;
      if (work_ == Work::copy) receive();
    }
    return {cycles, std::max<std::uint64_t>(cycles / 2, 1)};  // about: the kernel's work is in no clock
  }

 private:
  [[gnu::noinline]] void receive() {
    const std::size_t count = queue_.receive(packets_);
    if (work_ == Work::echo) (void)queue_.transmit(std::span(packets_).first(count));
    drop(std::span(packets_).first(count));
  }
  // What header split copies, and nothing else.
  [[gnu::noinline]] void copy() {
    const auto buffers = static_cast<std::uint32_t>(kBatch * ((frame_.size() + kBuffer - 1) / kBuffer));
    std::byte* to = elsewhere_.data();
    std::size_t skipped = kHeaders;
    for (std::uint32_t i = 0; i < buffers; ++i) {
      const xdp_desc& buffer = kernel_.received(i, buffers);
      const std::size_t size = buffer.len - skipped;
      const std::byte* from = umem_ + buffer.addr + skipped;
      touch(from);
      std::memcpy(to, from, size);
      const bool last = (buffer.options & kXdpContinues) == 0;
      to += last ? (size + 63) & ~std::size_t{63} : size;
      skipped = last ? kHeaders : 0;
    }
  }

  Pools pools_;
  std::vector<std::byte> frame_;
  std::byte* umem_;
  Work work_;
  Kernel kernel_;
  XdpQueue queue_;
  std::array<Packet, kBatch> packets_;
  std::vector<std::byte> elsewhere_;
};

LoopSpec spec(std::string name, std::string element, std::uint32_t frame_size, bool split, Work work) {
  name += "/" + std::to_string(frame_size);
  return {.name = name,
          .group = name,
          .subject = "netmem",
          .element = std::move(element),
          .batch = kBatch,
          .pages = std::uint64_t{2} * kRing,
          .page_size = 4096,
          .make = [=]() -> MadeLoop {
            auto pools = make_pools(split);
            if (!pools) return std::unexpected(pools.error());
            return std::make_unique<XdpLoop>(std::move(*pools), frame_size, work);
          }};
}

}  // namespace

LoopList xdp_loops() {
  LoopList all;
  for (const std::uint32_t size : {64U, 512U, 1500U, 9000U}) {
    all.push_back(spec("xdp_receive", "receive, drop, post", size, false, Work::receive));
    all.push_back(spec("xdp_split", "receive with split into memfd, drop, post", size, true, Work::receive));
    all.push_back(spec("xdp_split_copy", "memcpy of the payload alone", size, false, Work::copy));
    all.push_back(spec("xdp_echo", "receive, transmit, complete, post", size, false, Work::echo));
    all.push_back(spec("xdp_split_echo", "receive with split, transmit, complete, post", size, true, Work::echo));
  }
  return all;
}

}  // namespace netmem::bench
