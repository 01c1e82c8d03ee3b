// Who is overdue and when, with a clock that the test sets.
#include "netmem/ports/tcp/time_limits.h"

#include <gtest/gtest.h>

#include <list>

#include "netmem/ports/stream/port_test_support.h"

namespace netmem::testing {
namespace {

using std::chrono::milliseconds;

TimeLimits::Clock::time_point clock_time{};
int clock_reads = 0;
TimeLimits::Clock::time_point read_clock() {
  ++clock_reads;
  return clock_time;
}

class TimeLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    clock_time = {};
    clock_reads = 0;
  }
  ~TimeLimitsTest() override {
    for (Connection& one : connections_) limits_.forget(one);
  }
  Connection& add() {
    limits_.begin(connections_.emplace_back());
    return connections_.back();
  }
  // After `ms` milliseconds, bytes up to `used` of the message that has `page`.
  void hear(Connection& connection, int ms, Netmem page = {}, std::uint32_t used = 0) {
    pass(ms);
    const OpenPage before = std::exchange(connection.open, {page, used});
    limits_.heard(connection, before);
  }
  void pass(int ms) {
    clock_time += milliseconds(ms);
    limits_.time_passes();
  }

  static constexpr std::size_t kMessage = 1000;
  PagePoolPtr pool_ = make_pool(host_memory(4));
  Ref first_{pool_->try_alloc()}, second_{pool_->try_alloc()};
  Netmem a_ = first_.get(), b_ = second_.get();
  std::list<Connection> connections_;
  TimeLimits limits_{{.message_size = kMessage,
                      .idle_timeout = milliseconds(100),
                      .message_timeout = milliseconds(300),
                      .stall_timeout = milliseconds(50)},
                     &read_clock};
};

TEST_F(TimeLimitsTest, WhoIsSilentForLongestIsOverdueFirst) {
  Connection& one = add();
  Connection& two = add();
  hear(one, 40);
  EXPECT_EQ(limits_.next_ms(), 60) << "of two";
  pass(59);
  EXPECT_EQ(limits_.overdue(Limit::idle), nullptr);
  EXPECT_EQ(limits_.next_ms(), 1);
  pass(1);
  EXPECT_EQ(limits_.next_ms(), 0);
  EXPECT_EQ(limits_.overdue(Limit::idle), &two);
  limits_.forget(two);
  EXPECT_EQ(limits_.overdue(Limit::idle), nullptr);
  EXPECT_EQ(limits_.next_ms(), 40);
}

TEST_F(TimeLimitsTest, ATrickleIsNotIdleAndItsMessageIsOverdueAllTheSame) {
  Connection& one = add();
  for (std::uint32_t used = 1; used <= 7; ++used) {
    EXPECT_EQ(limits_.overdue(Limit::message), nullptr);
    hear(one, 50, a_, used);
    EXPECT_EQ(limits_.overdue(Limit::idle), nullptr);
  }
  EXPECT_EQ(limits_.overdue(Limit::message), &one) << "300 ms after its first byte";
  hear(one, 1, b_, 1);
  EXPECT_EQ(limits_.overdue(Limit::message), nullptr) << "the next message began";
  hear(one, 1);
  pass(300);
  EXPECT_EQ(limits_.overdue(Limit::message), nullptr) << "no message is open";
}

TEST_F(TimeLimitsTest, AMessageIsStalledWhenItHasNotMadeAHundredthWhileAnotherWaited) {
  Connection& waiter = add();
  Connection& holder = add();
  hear(holder, 0, a_, 1);
  limits_.starved(waiter);
  hear(holder, 49, a_, 11);  // ten more bytes: progress
  pass(1);
  EXPECT_EQ(limits_.stalled_before(waiter), nullptr);
  hear(holder, 10, a_, 20);  // nine: none
  pass(38);
  EXPECT_EQ(limits_.stalled_before(waiter), nullptr);
  pass(1);
  EXPECT_EQ(limits_.stalled_before(waiter), &holder);
  limits_.starved(waiter);
  EXPECT_EQ(limits_.stalled_before(waiter), nullptr) << "nobody has waited for long";
  pass(50);
  limits_.postpone(holder);
  EXPECT_EQ(limits_.stalled_before(waiter), nullptr);
}

TEST_F(TimeLimitsTest, TheClockIsReadOnceHoweverManyReadsThereAre) {
  Connection& one = add();
  EXPECT_EQ(clock_reads, 1);
  for (std::uint32_t used = 1; used <= 100; ++used) hear(one, 0, a_, used);
  clock_reads = 0;
  limits_.time_passes();
  for (std::uint32_t used = 101; used <= 200; ++used) {
    one.open.used = used;
    limits_.heard(one, {a_, used - 1});
    EXPECT_EQ(limits_.overdue(Limit::idle), nullptr);
    EXPECT_GT(limits_.next_ms(), 0);
  }
  EXPECT_EQ(clock_reads, 1);
}

TEST_F(TimeLimitsTest, WithoutLimitsTheClockIsNotRead) {
  TimeLimits none({.message_size = kMessage, .stall_timeout = milliseconds(0)}, &read_clock);
  Connection one;
  none.begin(one);
  one.open = {a_, 1};
  none.heard(one, {});
  none.starved(one);
  none.postpone(one);
  EXPECT_EQ(none.overdue(Limit::idle), nullptr);
  EXPECT_EQ(none.overdue(Limit::message), nullptr);
  EXPECT_EQ(none.stalled_before(one), nullptr);
  EXPECT_EQ(none.next_ms(), -1);
  EXPECT_EQ(clock_reads, 0);
}

TEST_F(TimeLimitsTest, LongLimitsDoNotOverflow) {
  TimeLimits longest({.idle_timeout = milliseconds::max()}, &read_clock);
  Connection one;
  longest.begin(one);
  EXPECT_EQ(longest.overdue(Limit::idle), nullptr);
  EXPECT_GT(longest.next_ms(), 1'000'000'000);
  longest.forget(one);
}

}  // namespace
}  // namespace netmem::testing
