// Receives datagrams into device memory: headers stay in the host's pages, payload goes where the CPU cannot read it.
//   example_receive_to_device INTERFACE PORT COUNT
#include <netinet/in.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "netmem/netmem.h"

using namespace netmem;

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s INTERFACE PORT COUNT\n", argv[0]), 2;
  const auto udp_port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  const auto wanted = std::strtoull(argv[3], nullptr, 10);

  auto frames = must(PagePool::create(must(make_host_provider({.size = 16 * MiB})), {.name = "frames"}));
  auto device = must(make_memfd_provider({.size = 64 * MiB}));
  auto payload = must(PagePool::create(device, {.name = "payload", .allow_unreadable = true}));

  auto filter = must(XdpFilter::attach(argv[1]));
  auto port = must(XdpPort::create(filter, *frames, {.payload = payload.get()}));
  must(filter->add(0, {.protocol = IPPROTO_UDP, .port = udp_port}));
  std::printf("%s\n", port->describe().c_str());
  std::fflush(stdout);

  unsigned long long datagrams = 0, bytes = 0, in_device_memory = 0;
  std::array<Packet, 64> packets;
  while (datagrams < wanted) {
    const std::span<Packet> received(packets.data(), must(port->receive(packets, -1)));
    for (const Packet& packet : received)
      for (const Part& part : packet.payload()) {
        bytes += part.size;
        if (part.page.is_device()) in_device_memory += part.size;  // its address: NetIov(part.page).device_address()
      }
    datagrams += received.size();
    drop(received);  // every page goes home: headers to the frames' pool, payload to the device's
  }
  std::printf("%llu datagrams, %llu bytes, %llu of them in %s\n", datagrams, bytes, in_device_memory,
              device->describe().c_str());
}
