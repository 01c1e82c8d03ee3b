// Sends one source as UDP datagrams: its bytes in order, `size` of them in each, the last one shorter.
//
// Threads: run() on one; datagrams(), bytes() and total() on any.
// UDP confirms nothing: what was sent may still be lost on its way. An ICMP error that comes back meanwhile ends it.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "netmem/base/fd.h"
#include "tools/pacer.h"
#include "tools/report.h"
#include "tools/source.h"

namespace netmem::tool {

struct UdpSocket {
  Fd socket;         // connected, does not block
  std::string peer;  // "[::1]:9000"
  // Bytes of a datagram that goes in one piece; 0: not known.
  [[nodiscard]] std::size_t most_in_one_piece() const;
};
// The first address of the name to which there is a way. Nothing is sent.
Result<UdpSocket> open_udp(const std::string& address);

class DatagramSender {
 public:
  static constexpr std::size_t kBatch = 64;          // datagrams in one system call
  static constexpr std::size_t kMostSize = 65507;    // over IPv4: 65535 less its header and UDP's
  static constexpr std::size_t kDefaultSize = 1400;  // in one piece nearly everywhere

  struct Plan {
    std::size_t size = kDefaultSize;
    std::uint64_t rate = 0;              // datagrams a second; 0: as fast as they go
    std::optional<std::uint64_t> count;  // at most so many. REQUIRES: set when size is 0
    DigestKind digest = DigestKind::none;
  };
  DatagramSender(UdpSocket socket, std::unique_ptr<Source> source, const Plan& plan);

  void run();
  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::optional<std::uint64_t> total() const;
  // REQUIRES for all below: run() has returned.
  [[nodiscard]] const ConnectionReport& report() const { return report_; }
  // How often the kernel had no room and was asked again.
  [[nodiscard]] std::uint64_t waited() const { return waited_; }
  [[nodiscard]] std::size_t most_in_one_piece() const { return most_in_one_piece_; }

 private:
  using Clock = std::chrono::steady_clock;

  Result<void> transfer();
  // Prepares up to `most` datagrams at the front of the buffer; how many, 0 at the end.
  Result<std::size_t> prepare(std::size_t most);
  Result<void> send_all(std::size_t count);
  Result<void> read_more();
  void count_sent(std::size_t index);
  [[nodiscard]] Result<void> wait_for_room(int code);
  // Until `until`, or until the socket can be written when `events` says POLLOUT.
  [[nodiscard]] Result<void> wait(short events, Clock::time_point until) const;
  [[nodiscard]] std::unexpected<Error> failed(int code) const;

  UdpSocket socket_;
  std::unique_ptr<Source> source_;
  Plan plan_;
  std::unique_ptr<Digest> digest_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;  // what was read and not sent: [begin_, end_)
  std::size_t end_ = 0;
  bool source_ended_ = false;
  std::vector<iovec> pieces_;
  std::vector<mmsghdr> messages_;
  std::atomic<std::uint64_t> datagrams_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::uint64_t waited_ = 0;
  std::size_t most_in_one_piece_ = 0;
  ConnectionReport report_;
};

}  // namespace netmem::tool
