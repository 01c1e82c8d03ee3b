// Receives through pools that are much too small, keeps packets and parts of packets as it likes, and drops them on two
// threads; looks at what they hold before it lets them go. Fails when nothing comes any more, when held bytes change,
// and when the books do not balance at the end.
//   xdp_soak receive INTERFACE PORT SECONDS SEED
//   xdp_soak send ADDRESS PORT      until it is killed
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "netmem/netmem.h"
#include "netmem/ports/stream/address.h"

namespace netmem {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kFrames = 24;   // pages of 4 KiB, chunks of 2 KiB
constexpr std::size_t kPayload = 64;  // pages of device memory
constexpr std::uint32_t kLeast = 16;  // bytes of a datagram
constexpr std::uint32_t kMost = 5000;
constexpr auto kLiveness = std::chrono::minutes(5);

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "xdp_soak: %s\n", why.c_str());
  std::_Exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// A datagram: its serial number, and bytes that follow from it.
std::byte byte_of(std::uint32_t serial, std::size_t at) { return static_cast<std::byte>(serial * 31 + at * 7); }

void fill(std::span<std::byte> bytes, std::uint32_t serial) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_of(serial, i);
  std::memcpy(bytes.data(), &serial, sizeof serial);
}

// Payload as it lies in some page, and what it was when it came.
struct Held {
  View view;
  std::uint32_t serial = 0;
  std::uint32_t begin = 0;  // of the datagram
};

std::vector<std::byte> read(const View& view) {
  std::vector<std::byte> bytes(view.size());
  const CopyOut copy{bytes, view.netmem(), view.offset()};
  must(view.netmem().region().provider().copy_engine().copy_out({&copy, 1}));
  return bytes;
}

void look_at(const Held& held) {
  const std::vector<std::byte> bytes = read(held.view);
  for (std::size_t i = held.begin == 0 ? sizeof held.serial : 0; i < bytes.size(); ++i)
    if (bytes[i] != byte_of(held.serial, held.begin + i))
      fail("byte " + std::to_string(held.begin + i) + " of datagram " + std::to_string(held.serial) +
           " changed while it was held");
}

// The other thread that drops.
class Dropper {
 public:
  void give(std::vector<Held> parts) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(parts));
    changed_.notify_one();
  }
  void finish() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
      changed_.notify_one();
    }
    thread_.join();
  }

 private:
  void run() {
    std::minstd_rand random(7);
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return finished_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::deque<std::vector<Held>> mine = std::exchange(waiting_, {});
      lock.unlock();
      if (random() % 8 == 0) std::this_thread::sleep_for(milliseconds(random() % 20));
      for (const auto& parts : mine)
        for (const Held& part : parts) look_at(part);
      mine.clear();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<Held>> waiting_;
  bool finished_ = false;
  std::thread thread_{[this] { run(); }};
};

class Soak {
 public:
  explicit Soak(unsigned seed) : random_(seed) {}

  void take(Packet& packet) {
    ++packets_;
    if (packet.payload().empty()) fail("a datagram without payload");
    std::vector<Held> parts = parts_of(packet);
    const auto choice = random_() % 10;
    if (choice < 4) return;  // dropped with the packet, and with its views
    if (choice < 6) {
      packet.reset();
      dropper_.give(std::move(parts));
    } else if (choice < 8) {
      std::vector<Held> half;  // one part here, the others elsewhere
      half.push_back(std::move(parts.back()));
      parts.pop_back();
      dropper_.give(std::move(half));
      held_.push_back({std::move(parts), {}});
    } else {
      held_.push_back({std::move(parts), std::move(packet)});
    }
  }
  // Now and then nothing is let go for a while: the pools run dry.
  void let_go() {
    if (Clock::now() < stingy_until_) return;
    if (random_() % 200 == 0) stingy_until_ = Clock::now() + milliseconds(random_() % 200);
    const std::size_t most = random_() % 30;
    while (held_.size() > most) let_one_go();
  }
  void finish() {
    while (!held_.empty()) let_one_go();
    dropper_.finish();
  }
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  struct Kept {
    std::vector<Held> parts;
    Packet packet;
  };

  // The packet keeps its parts half of the time: then these are further references of the same pages.
  std::vector<Held> parts_of(Packet& packet) {
    std::vector<Held> parts;
    std::uint32_t at = 0;
    const bool shared = random_() % 2 == 0;
    const std::size_t count = packet.payload().size();
    for (std::size_t i = 0; i < count; ++i) {
      const Part part = packet.payload()[i];
      if (shared) retain(part.page);
      View view = shared ? View(Ref(part.page), part.offset, part.size) : packet.take_payload(i);
      parts.push_back({std::move(view), 0, at});
      at += part.size;
    }
    std::uint32_t serial = 0;
    std::memcpy(&serial, read(parts.front().view).data(), sizeof serial);
    for (Held& part : parts) part.serial = serial;
    look_at(parts.front());
    return parts;
  }
  void let_one_go() {
    const std::size_t which = random_() % held_.size();
    for (const Held& part : held_[which].parts) look_at(part);
    std::swap(held_[which], held_.back());
    held_.pop_back();
  }

  std::minstd_rand random_;
  std::vector<Kept> held_;
  Dropper dropper_;
  Clock::time_point stingy_until_;
  std::uint64_t packets_ = 0;
};

std::uint64_t value_of(const std::vector<Counter>& counters, const std::string& name) {
  for (const Counter& counter : counters)
    if (counter.name == name) return counter.value;
  fail("the port has no counter " + name);
}

// Everything that was meant to run short did. A busy machine takes longer for it.
bool ran_short(const XdpPort& port) {
  const std::vector<Counter> counters = port.counters();
  return std::ranges::all_of(std::array{"starved", "fill_ring_empty", "no_device_page"},
                             [&](const char* name) { return value_of(counters, name) != 0; });
}

void soak(XdpPort& port, Soak& soak, Clock::time_point end) {
  std::array<Packet, 16> packets;
  Clock::time_point last = Clock::now();
  while (Clock::now() < end || (!ran_short(port) && Clock::now() < end + kLiveness)) {
    const std::size_t count = must(port.receive(packets, 20));
    for (Packet& packet : std::span(packets).first(count)) soak.take(packet);
    drop(std::span(packets).first(count));
    if (count != 0) last = Clock::now();
    if (Clock::now() - last > kLiveness) fail("nothing came for five minutes");
    soak.let_go();
  }
}

// Every page is home, and every frame that was taken off the kernel's path is accounted for.
void close_books(PagePool& pool) {
  pool.flush_fragments();
  must(pool.audit());
  if (pool.counters().inflight() != 0) fail(pool.name() + ": pages are in flight at the end");
}

int receive(const char* interface, const char* udp_port, int seconds, unsigned seed) {
  auto frames = must(PagePool::create(must(make_host_provider({.size = kFrames * 4 * KiB})), {.name = "frames"}));
  auto payload = must(PagePool::create(must(make_memfd_provider({.size = kPayload * 4 * KiB})),
                                       {.name = "payload", .allow_unreadable = true}));
  auto filter = must(XdpFilter::attach(interface));
  auto port = must(XdpPort::create(filter, *frames, {.chunk = 2048, .payload = payload.get()}));
  const XdpMatch match{.protocol = IPPROTO_UDP, .port = static_cast<std::uint16_t>(std::atoi(udp_port))};
  must(filter->add(0, match));
  std::fprintf(stderr, "receiving on %s\n", port->describe().c_str());
  Soak state(seed);
  soak(*port, state, Clock::now() + std::chrono::seconds(seconds));
  must(filter->remove(0, match));
  std::array<Packet, 16> rest;
  state.finish();
  for (int quiet = 0; quiet < 10;) {
    const std::size_t count = must(port->receive(rest, 5));
    drop(std::span(rest).first(count));
    quiet = count == 0 ? quiet + 1 : 0;
  }
  const std::vector<Counter> counters = port->counters();
  port.reset();
  close_books(*frames);
  close_books(*payload);
  for (const Counter& counter : counters)
    std::printf("%s %llu\n", counter.name.c_str(), static_cast<unsigned long long>(counter.value));
  std::printf("packets %llu\n", static_cast<unsigned long long>(state.packets()));
  std::fflush(stdout);
  std::uint64_t accounted = 0;
  for (const char* name : {"received", "no_device_page", "payload_copy_failed", "too_many_buffers", "fill_ring_empty",
                           "rx_ring_full", "rx_dropped"})
    accounted += value_of(counters, name);
  if (accounted != value_of(counters, "redirected"))
    fail("frames are missing: " + std::to_string(accounted) + " of them are accounted for");
  return 0;
}

int send(const std::string& address) {
  const SocketAddress to = must(resolve_address(address, AddressUse::connect)).front();
  const Fd socket(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::minstd_rand random(1);
  std::vector<std::byte> bytes(kMost);
  for (std::uint32_t serial = 0;; ++serial) {
    const auto payload = std::span(bytes).first(kLeast + random() % (kMost - kLeast));
    fill(payload, serial);
    ::sendto(socket.get(), payload.data(), payload.size(), 0, to.get(), to.size);
    if (serial % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
  }
}

}  // namespace
}  // namespace netmem

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "receive" && argc == 6)
    return netmem::receive(argv[2], argv[3], std::atoi(argv[4]), static_cast<unsigned>(std::atoi(argv[5])));
  if (what == "send" && argc == 4) return netmem::send(std::string(argv[2]) + ":" + argv[3]);
  std::fprintf(stderr, "usage: %s receive INTERFACE PORT SECONDS SEED | send ADDRESS PORT\n", argv[0]);
  return 2;
}
