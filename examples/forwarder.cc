// Forwards every frame between queue 0 of two interfaces, both ways, without a copy: the pools share one region, so a
// frame received on one side is sent from where it lies. Ends with ^C.
//   example_forwarder INTERFACE INTERFACE
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "netmem/netmem.h"

using namespace netmem;

volatile std::sig_atomic_t stop = 0;

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Side {
  Side(const std::string& interface, const std::shared_ptr<MemoryProvider>& memory)
      : pool(must(PagePool::create(memory, {.name = interface}))),
        filter(must(XdpFilter::attach(interface))),
        port(must(XdpPort::create(filter, *pool))) {
    must(filter->add(0, {}));  // any frame
    std::printf("%s\n", port->describe().c_str());
  }
  PagePoolPtr pool;
  std::shared_ptr<XdpFilter> filter;
  std::unique_ptr<XdpPort> port;
  unsigned long long forwarded = 0, dropped = 0;
};

// Whether there was anything to do.
bool forward(Side& from, Side& to, int wait_ms) {
  static std::array<Packet, 64> packets;
  const std::span<Packet> received(packets.data(), must(from.port->receive(packets, wait_ms)));
  const std::size_t sent = to.port->transmit(received);
  from.forwarded += sent;
  from.dropped += received.size() - sent;
  drop(received);  // those for which there was no room
  return !received.empty();
}

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s INTERFACE INTERFACE\n", argv[0]), 2;
  std::signal(SIGINT, [](int) { stop = 1; });
  std::signal(SIGTERM, [](int) { stop = 1; });

  auto memory = must(make_host_provider({.size = 64 * MiB}));
  std::array<Side, 2> sides = {Side(argv[1], memory), Side(argv[2], memory)};
  std::printf("forwarding\n");
  std::fflush(stdout);
  for (bool busy = false; stop == 0;) {
    busy = forward(sides[0], sides[1], busy ? 0 : 1);
    busy = forward(sides[1], sides[0], busy ? 0 : 1) || busy;
  }
  for (Side& side : sides) std::printf("forwarded %llu, dropped %llu\n", side.forwarded, side.dropped);
}
