#include "netmem/ports/xdp/frames_test_support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>

#include "netmem/ports/stream/address.h"
#include "netmem/ports/xdp/port.h"

namespace netmem::testing {
namespace {

Fd this_namespace() { return Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

// Empty, with `why`, where this process may not make one.
Fd new_namespace(std::string& why) {
  Fd space;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0)
      why = system_error("make a network namespace", "run the tests as root").error().message();
    else
      space = this_namespace();
  }).join();
  return space;
}

int run(const std::string& command) {
  return std::system(("{ " + command + "; } >/dev/null 2>&1").c_str());  // NOLINT(concurrency-mt-unsafe)
}

std::string add_command(const VethOptions& options, pid_t near) {
  const std::string queues = std::to_string(options.queues);
  const std::string each = " mtu " + std::to_string(options.mtu) + " numrxqueues " + queues + " numtxqueues " + queues;
  return std::string("ip link add far0 address 02:00:00:00:00:01") + each +
         " type veth peer name near0 address 02:00:00:00:00:02" + each + " netns " + std::to_string(near);
}

// No packets but the tests': no neighbour discovery, no duplicate address detection.
std::string address_command(const std::string& name, int own, int other) {
  const std::string me = std::to_string(own);
  const std::string peer = std::to_string(other);
  const std::string neighbour = " lladdr 02:00:00:00:00:0" + peer + " dev " + name + " nud permanent";
  return "ip link set lo up && ip link set " + name + " addrgenmode none && ip addr add 10.77.0." + me + "/24 dev " +
         name + " && ip addr add fd77::" + me + "/64 dev " + name + " nodad && ip link set " + name +
         " up && ip neigh add 10.77.0." + peer + neighbour + " && ip neigh add fd77::" + peer + neighbour;
}

Fd udp_socket(const SocketAddress& address, std::uint16_t source) {
  Fd socket(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int large = 16 << 20;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
  SocketAddress own =
      resolve_address(address.family() == AF_INET ? "0.0.0.0:0" : "[::]:0", AddressUse::listen)->front();
  own.set_port(source);
  EXPECT_EQ(::bind(socket.get(), own.get(), own.size), 0) << "port " << source;
  return socket;
}

}  // namespace

InNamespace::InNamespace(const Fd& space) : before_(this_namespace()) {
  NETMEM_CHECK(::setns(space.get(), CLONE_NEWNET) == 0, "cannot enter the namespace (errno %d)", errno);
}
InNamespace::~InNamespace() {
  NETMEM_CHECK(::setns(before_.get(), CLONE_NEWNET) == 0, "cannot leave the namespace (errno %d)", errno);
}

VethPair::VethPair(Fd near, Fd far)
    : near_(std::move(near)), far_(std::move(far)), here_(std::make_unique<InNamespace>(near_)) {}

std::unique_ptr<VethPair> VethPair::create(const VethOptions& options, std::string& why) {
  Fd near = new_namespace(why);
  Fd far = new_namespace(why);
  if (!near || !far) return nullptr;
  std::unique_ptr<VethPair> pair(new VethPair(std::move(near), std::move(far)));
  if (const auto probe = XdpFilter::attach("lo", XdpMode::generic); !probe) {
    why = probe.error().message();
    return nullptr;
  }
  // ip names the near namespace by a thread that is in it: this one.
  const pid_t here = ::gettid();
  int status = 1;
  std::thread([&] { status = pair->far(add_command(options, here)); }).join();
  if (status == 0) status = pair->far(address_command(kFar, 1, 2));
  if (status == 0) status = pair->near(address_command(kNear, 2, 1));
  if (status == 0) return pair;
  why = "cannot make a veth pair with ip (package iproute2)";
  return nullptr;
}

int VethPair::near(const std::string& command) const {
  const InNamespace there(near_);
  return run(command);
}
int VethPair::far(const std::string& command) const {
  const InNamespace there(far_);
  return run(command);
}

Fd VethPair::far_udp(const std::string& address, std::uint16_t port, std::uint16_t source) const {
  const InNamespace there(far_);
  SocketAddress to = resolve_address(address + ":" + std::to_string(port), AddressUse::connect)->front();
  Fd socket = udp_socket(to, source);
  EXPECT_EQ(::connect(socket.get(), to.get(), to.size), 0);
  return socket;
}

Fd VethPair::near_udp(std::uint16_t port) const {
  const InNamespace there(near_);
  return udp_socket(resolve_address("[::]:0", AddressUse::listen)->front(), port);
}

std::string receive_text(const Fd& socket, int timeout_ms) {
  pollfd wait{.fd = socket.get(), .events = POLLIN, .revents = 0};
  std::array<char, 65536> buffer;
  if (::poll(&wait, 1, timeout_ms) != 1) return "";
  const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
}

void send_text(const Fd& socket, std::string_view text) {
  EXPECT_EQ(::send(socket.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
}

}  // namespace netmem::testing
