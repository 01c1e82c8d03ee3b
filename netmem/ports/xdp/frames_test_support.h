// Two network namespaces and a veth pair between them, for tests of port xdp; gone with the object. Tests only.
//
//   far namespace                                near namespace
//   far0  10.77.0.1/24  fd77::1/64  <--veth-->   near0  10.77.0.2/24  fd77::2/64
//
// Threads: a namespace is a thread's: the one that makes the object is in the near one until the object goes.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "netmem/base/fd.h"
#include "tests/support/eventually.h"

namespace netmem::testing {

// The calling thread is in the namespace as long as this lives.
class InNamespace {
 public:
  explicit InNamespace(const Fd& space);
  ~InNamespace();
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  Fd before_;
};

struct VethOptions {
  unsigned queues = 1;
  unsigned mtu = 1500;
};

class VethPair {
 public:
  // Null where it cannot be made here; `why` says so then.
  static std::unique_ptr<VethPair> create(const VethOptions& options, std::string& why);

  static constexpr const char* kNear = "near0";
  static constexpr const char* kFar = "far0";

  // Runs a shell command in a namespace; its exit status.
  int near(const std::string& command) const;
  int far(const std::string& command) const;
  [[nodiscard]] const Fd& near_space() const { return near_; }
  [[nodiscard]] const Fd& far_space() const { return far_; }

  // A datagram socket of the far namespace, connected to the near one. `source`: the port that it sends from, 0: any.
  [[nodiscard]] Fd far_udp(const std::string& address, std::uint16_t port, std::uint16_t source = 0) const;
  // A socket of the near namespace that the kernel's stack feeds; non-blocking.
  [[nodiscard]] Fd near_udp(std::uint16_t port) const;

 private:
  VethPair(Fd near, Fd far);

  Fd near_, far_;
  std::unique_ptr<InNamespace> here_;
};

// What a kernel socket gets; "" when nothing comes.
std::string receive_text(const Fd& socket, int timeout_ms = kLimitMs);
void send_text(const Fd& socket, std::string_view text);

}  // namespace netmem::testing

// In a test: a pair, or the test is skipped with the reason.
#define NETMEM_VETH_OR_SKIP(name, ...)                                          \
  std::string name##_why;                                                       \
  const auto name = netmem::testing::VethPair::create(__VA_ARGS__, name##_why); \
  if (!(name)) GTEST_SKIP() << name##_why
