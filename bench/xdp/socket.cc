// The kernel's own way: recvmmsg() on a UDP socket, 64 datagrams at once, which are dropped.
//
//   xdp_socket [--port 9999] [--size 9000] [--spin]
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "bench/parse_or_exit.h"
#include "bench/xdp/common.h"

namespace netmem::bench {
namespace {

constexpr std::size_t kBatch = 64;
constexpr int kReceiveBuffer = 32 << 20;

struct Options {
  std::uint16_t port = 9999;
  std::size_t size = 9216;
  bool spin = false;
};

int open_socket(const Options& options) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) fail("open a UDP socket: {}", std::strerror(errno));
  setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  const timeval limit{0, 100'000};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    fail("bind a UDP socket to port {}: {}", options.port, std::strerror(errno));
  return socket;
}

std::string receive(const Options& options) {
  const int socket = open_socket(options);
  std::vector<char> memory(kBatch * options.size);
  std::vector<iovec> parts(kBatch);
  std::vector<mmsghdr> messages(kBatch);
  for (std::size_t i = 0; i < kBatch; ++i) {
    parts[i] = {memory.data() + i * options.size, options.size};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  say_ready();
  std::uint64_t received = 0;
  std::uint64_t bytes = 0;
  const int flags = options.spin ? MSG_DONTWAIT : MSG_WAITFORONE;
  while (!stopped()) {
    const int count = recvmmsg(socket, messages.data(), kBatch, flags, nullptr);
    for (int i = 0; i < count; ++i) bytes += messages[static_cast<std::size_t>(i)].msg_len;
    if (count > 0) received += static_cast<std::uint64_t>(count);
  }
  return fmt::format(R"({{"received": {}, "bytes": {}, "returned": 0, "busy": null}})", received, bytes);
}

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app{"Receives and drops UDP datagrams with recvmmsg()."};
  app.add_option("--port", options.port);
  app.add_option("--size", options.size, "bytes of the largest datagram");
  app.add_flag("--spin", options.spin, "never wait");
  parse_or_exit(app, argc, argv);
  return options;
}

}  // namespace
}  // namespace netmem::bench

int main(int argc, char** argv) {
  const auto options = netmem::bench::parse(argc, argv);
  netmem::bench::begin();
  fmt::print("{}\n", netmem::bench::receive(options));
}
