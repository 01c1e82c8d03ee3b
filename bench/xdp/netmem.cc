// netmem's side of the comparison: an XdpPort that receives and drops, with --split into device memory, or with --echo
// swaps the MAC addresses and sends back.
//
//   xdp_netmem --interface vb [--echo | --split] [--spin [--every US]] [--frames host:16M] [--payload memfd:64M]
//              [--udp PORT]
#include <netinet/in.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "bench/loops/cycles.h"
#include "bench/parse_or_exit.h"
#include "bench/xdp/common.h"
#include "netmem/ports/xdp/port.h"
#include "netmem/providers/common/host_copy_engine.h"
#include "netmem/providers/decorators/decorator.h"
#include "netmem/providers/host/huge.h"
#include "netmem/providers/spec/memory_spec.h"

namespace netmem::bench {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBatch = 64;

struct Options {
  std::string interface;
  std::string frames = "host:16M";
  std::string payload = "memfd:64M";
  std::uint32_t chunk = 0;
  std::uint32_t posted = 0;
  std::uint32_t coalesce = XdpOptions{}.coalesce_us;
  std::uint32_t every = 0;
  std::uint16_t udp = 0;
  bool echo = false;
  bool split = false;
  bool spin = false;
  bool busy_poll = false;
};

template <class T>
T get(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// What the kernel does not know cannot be posted, so nothing from outside.
Result<std::shared_ptr<MemoryProvider>> make_memory(const std::string& text) {
  const auto spec = parse_memory_spec(text);
  if (!spec || spec->kind != "huge") return make_provider(text, kPage);
  return make_huge_provider({.size = spec->size, .page_size = kPage, .outside_size = 0});
}

PagePoolPtr make_pool(std::shared_ptr<MemoryProvider> memory, const char* name, bool device) {
  PoolOptions options;
  options.name = name;
  options.allow_unreadable = device;
  return get(PagePool::create(std::move(memory), options));
}

// Memory whose copies are timed, but for the check of their ranges: that is netmem's own, so it is made once more.
class TimedCopies final : public Decorator {
 public:
  explicit TimedCopies(std::shared_ptr<MemoryProvider> inner)
      : Decorator(std::move(inner)), engine_(Decorator::copy_engine(), is_device() ? lasting_region() : nullptr) {}

  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }
  // Since the last call.
  [[nodiscard]] std::uint64_t take_cycles() { return std::exchange(engine_.cycles, 0); }

 private:
  struct Engine final : CopyEngine {
    Engine(CopyEngine& timed, const Region* reached) : inner(timed), region(reached) {}
    Result<void> copy_in(std::span<const CopyIn> batch) override {
      if (auto fits = check_batch(batch, region); !fits) return fits;
      const std::uint64_t before = read_cycles();
      auto done = inner.copy_in(batch);
      cycles += read_cycles() - before;
      return done;
    }
    Result<void> copy_out(std::span<const CopyOut> batch) override { return inner.copy_out(batch); }

    CopyEngine& inner;
    const Region* const region;
    std::uint64_t cycles = 0;
  };
  Engine engine_;
};

using Clock = std::chrono::steady_clock;

class Receiver {
 public:
  explicit Receiver(const Options& options)
      : options_(options), frames_(make_pool(get(make_memory(options.frames)), "frames", false)) {
    XdpOptions port;
    port.chunk = options.chunk;
    port.most_posted = options.posted;
    port.coalesce_us = options.coalesce;
    port.busy_poll = options.busy_poll;
    if (options.split) {
      copies_ = std::make_shared<TimedCopies>(get(make_memory(options.payload)));
      payload_ = make_pool(copies_, "payload", true);
      port.payload = payload_.get();
    }
    auto filter = get(XdpFilter::attach(options.interface));
    port_ = get(XdpPort::create(filter, *frames_, port));
    XdpMatch match;
    if (options.udp != 0) {
      match.protocol = IPPROTO_UDP;
      match.port = options.udp;
    }
    get(filter->add(0, match));
    fmt::print(stderr, "{}\n", port_->describe());
  }

  void work() {
    if (options_.spin && !options_.echo) return spin();
    if (const std::size_t count = get(port_->receive(packets_, options_.spin ? 0 : 100)); count != 0) finish(count);
  }

  [[nodiscard]] std::string json() const {
    std::string counters;
    for (const Counter& counter : port_->counters())
      counters += fmt::format(R"({}"{}": {})", counters.empty() ? "" : ", ", counter.name, counter.value);
    return fmt::format(
        R"({{"received": {}, "bytes": {}, "returned": {}, "not_returned": {}, "busy": {}, "without_copies": {}, "counters": {{{}}}}})",
        received_, bytes_, returned_, not_returned_, busy_.json(), without_copies_.json(), counters);
  }

 private:
  // What waits, and what sends, cannot be timed without the kernel's part.
  void spin() {
    if (timed_work() != 0 || options_.every == 0) return;
    const auto next = Clock::now() + std::chrono::microseconds(options_.every);
    while (Clock::now() < next) continue;
  }

  // How many packets there were.
  std::size_t timed_work() {
    const std::uint64_t before = read_cycles();
    const std::size_t count = get(port_->receive(packets_, 0));
    if (count == 0) return 0;
    finish(count);
    const std::uint64_t cycles = read_cycles() - before;
    busy_.add(cycles, count);
    if (copies_) without_copies_.add(cycles - copies_->take_cycles(), count);
    return count;
  }

  void finish(std::size_t count) {
    const std::span<Packet> packets(packets_.data(), count);
    received_ += count;
    for (const Packet& packet : packets) bytes_ += packet.size();
    drop(packets.subspan(options_.echo ? send_back(packets) : 0));
  }

  // How many of the first were sent: nothing is left of those to be dropped.
  std::size_t send_back(std::span<Packet> packets) {
    for (const Packet& packet : packets) {
      std::byte* frame = packet.header_bytes().data();
      std::array<std::byte, 6> other;
      std::memcpy(other.data(), frame, 6);
      std::memcpy(frame, frame + 6, 6);
      std::memcpy(frame + 6, other.data(), 6);
    }
    const std::size_t sent = port_->transmit(packets);
    returned_ += sent;
    not_returned_ += packets.size() - sent;
    return sent;
  }

  Options options_;
  std::shared_ptr<TimedCopies> copies_;
  PagePoolPtr frames_, payload_;
  std::unique_ptr<XdpPort> port_;
  std::array<Packet, kBatch> packets_;
  std::uint64_t received_ = 0, bytes_ = 0, returned_ = 0, not_returned_ = 0;
  BusyCycles busy_, without_copies_;
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app{"Receives and drops, splits, or sends back, through netmem's AF_XDP port."};
  app.add_option("--interface", options.interface)->required();
  app.add_option("--frames", options.frames, "memory for the frames");
  app.add_option("--payload", options.payload, "memory that --split moves payload to");
  app.add_option("--chunk", options.chunk, "bytes of a frame's buffer");
  app.add_option("--posted", options.posted, "frames that the kernel has at most");
  app.add_option("--coalesce", options.coalesce, "microseconds that frames may gather; 0: none");
  app.add_option("--udp", options.udp, "take this port's datagrams only; 0: take every frame");
  app.add_flag("--echo", options.echo, "swap the MAC addresses and send back");
  app.add_flag("--split", options.split, "header split");
  app.add_flag("--busy-poll", options.busy_poll, "the kernel receives in this thread's system calls");
  app.add_flag("--spin", options.spin, "never wait");
  app.add_option("--every", options.every, "with --spin: look for frames every so many microseconds only");
  parse_or_exit(app, argc, argv);
  return options;
}

}  // namespace
}  // namespace netmem::bench

int main(int argc, char** argv) {
  const auto options = netmem::bench::parse(argc, argv);
  netmem::bench::begin();
  netmem::bench::Receiver receiver(options);
  netmem::bench::say_ready();
  while (!netmem::bench::stopped()) receiver.work();
  fmt::print("{}\n", receiver.json());
}
