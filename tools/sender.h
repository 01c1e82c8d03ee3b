// Sends one source down one connection: to its end, then half-closes and waits until the receiver has it.
//
// Threads: run() on one; bytes() on any.
// A sender is done when the peer closes, or two seconds after the peer's kernel has acknowledged everything: receivers
// that keep their end open (some wait for their own input) are no failure. A reset before that is one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "tools/connect.h"
#include "tools/report.h"
#include "tools/source.h"

namespace netmem::tool {

class Sender {
 public:
  static constexpr std::size_t kBlock = 256 * 1024;
  static constexpr std::chrono::seconds kCloseWait{2};

  // `timeout`: how long the receiver may take nothing; 0: for ever.
  Sender(unsigned number, Connected connection, std::unique_ptr<Source> source, DigestKind digest,
         std::chrono::milliseconds timeout);

  void run();
  // Sent so far.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::optional<std::uint64_t> total() const { return source_->total(); }
  // REQUIRES: run() has returned.
  [[nodiscard]] const ConnectionReport& report() const { return report_; }

 private:
  Result<void> transfer();
  Result<void> send_all(std::span<const std::byte> bytes);
  Result<void> wait_for_receiver();
  // Reads and forgets what the peer says; whether it has ended.
  [[nodiscard]] Result<bool> read_end() const;
  // False: `timeout_ms` have passed.
  [[nodiscard]] Result<bool> wait_until_ready(short events, int timeout_ms) const;
  [[nodiscard]] std::unexpected<Error> failed(int code) const;
  [[nodiscard]] std::unexpected<Error> timed_out() const;

  Connected connection_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Digest> digest_;
  std::chrono::milliseconds timeout_;
  std::atomic<std::uint64_t> bytes_{0};
  ConnectionReport report_;
  std::chrono::steady_clock::time_point delivered_;  // when the peer had everything
};

}  // namespace netmem::tool
