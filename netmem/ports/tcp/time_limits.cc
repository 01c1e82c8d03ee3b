#include "netmem/ports/tcp/time_limits.h"

#include <algorithm>
#include <limits>
#include <string>

#include "netmem/base/units.h"

namespace netmem {
namespace {

// Longer limits would overflow the clock's nanoseconds.
constexpr std::chrono::hours kLongest{24 * 365 * 10};

TimeLimits::Clock::duration bounded(std::chrono::milliseconds limit) {
  return std::min<std::chrono::milliseconds>(limit, kLongest);
}

template <ConnectionLink Connection::* Link>
void move_to_back(ConnectionQueue<Link>& queue, Connection& connection) {
  if (queue.back() == &connection) return;
  queue.remove(connection);
  queue.push_back(connection);
}

}  // namespace

TimeLimits::TimeLimits(const TcpOptions& options, Clock::time_point (*clock)())
    : clock_(clock),
      idle_limit_(bounded(options.idle_timeout)),
      message_limit_(options.message_size == 0 ? Nanoseconds(0) : bounded(options.message_timeout)),
      stall_limit_(options.message_size == 0 ? Nanoseconds(0) : bounded(options.stall_timeout)),
      message_size_(options.message_size),
      progress_(static_cast<std::uint32_t>(std::max<std::size_t>(options.message_size / kProgressParts, 1))) {}

Result<void> TimeLimits::check(const TcpOptions& options) {
  const std::string attempted = "open a tcp port";
  if (options.idle_timeout.count() < 0 || options.message_timeout.count() < 0 || options.stall_timeout.count() < 0)
    return refused(attempted, "a time limit is negative", "0 turns a limit off");
  if (options.message_timeout.count() != 0 && options.message_size == 0)
    return refused(attempted, "TcpOptions::message_timeout is for messages, and their size is not set",
                   "set TcpOptions::message_size, or use idle_timeout");
  return {};
}

TimeLimits::Clock::time_point TimeLimits::now() {
  if (!known_) now_ = clock_();
  known_ = true;
  return now_;
}

void TimeLimits::begin(Connection& connection) {
  if (idle_limit_.count() == 0) return;
  connection.heard = now();
  idle_.push_back(connection);
}

void TimeLimits::heard(Connection& connection, const OpenPage& before) {
  if (idle_limit_.count() != 0) {
    connection.heard = now();
    move_to_back(idle_, connection);
  }
  const OpenPage& open = connection.open;
  if (message_size_ == 0) return;
  if (!open.page) {
    unfinished_.remove(connection);
    stalled_.remove(connection);
    return;
  }
  const bool goes_on = before.page == open.page;
  if (message_limit_.count() != 0 && !goes_on) {
    connection.begun = now();
    move_to_back(unfinished_, connection);
  }
  if (stall_limit_.count() != 0 && (!goes_on || open.used - connection.advanced_to >= progress_)) {
    connection.advanced = now();
    connection.advanced_to = open.used;
    move_to_back(stalled_, connection);
  }
}

void TimeLimits::starved(Connection& connection) {
  if (stall_limit_.count() != 0) connection.starved_since = now();
}

void TimeLimits::postpone(Connection& connection) {
  if (connection.idle.linked) {
    connection.heard = now();
    move_to_back(idle_, connection);
  }
  if (connection.unfinished.linked) {
    connection.begun = now();
    move_to_back(unfinished_, connection);
  }
  if (connection.stalled.linked) {
    connection.advanced = now();
    move_to_back(stalled_, connection);
  }
}

void TimeLimits::forget(Connection& connection) {
  idle_.remove(connection);
  unfinished_.remove(connection);
  stalled_.remove(connection);
}

Connection* TimeLimits::overdue(Limit limit) {
  const bool idle = limit == Limit::idle;
  Connection* const front = idle ? idle_.front() : unfinished_.front();
  if (front == nullptr) return nullptr;
  const Nanoseconds passed = now() - (idle ? front->heard : front->begun);
  return passed >= (idle ? idle_limit_ : message_limit_) ? front : nullptr;
}

// Both must have taken long: pages that come and go end nobody's connection, and neither does a stop that nobody minds.
Connection* TimeLimits::stalled_before(const Connection& waiter) {
  Connection* const front = stalled_.front();
  if (front == nullptr) return nullptr;
  const bool both = now() - waiter.starved_since >= stall_limit_ && now() - front->advanced >= stall_limit_;
  return both ? front : nullptr;
}

int TimeLimits::left_ms(Clock::time_point since, Nanoseconds limit) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(since + limit - now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

int TimeLimits::next_ms() {
  int next = -1;
  if (const Connection* front = idle_.front()) next = left_ms(front->heard, idle_limit_);
  if (const Connection* front = unfinished_.front()) {
    const int left = left_ms(front->begun, message_limit_);
    next = next < 0 ? left : std::min(next, left);
  }
  return next;
}

Error TimeLimits::error(const Connection& connection, Limit limit) const {
  const auto text_of = [](Nanoseconds time) {
    return format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(time));
  };
  const std::string part = std::to_string(connection.open.used) + " of " + std::to_string(message_size_) + " bytes";
  Error error{.attempted = "receive", .reason = {}, .advice = {}, .code = 0};
  if (limit == Limit::idle) {
    error.reason = "it sent nothing for " + text_of(idle_limit_);
    error.advice = "find out why it is silent, or allow more time (idle_timeout)";
  } else if (limit == Limit::message) {
    error.reason = "it did not finish a message in " + text_of(message_limit_) + " (" + part + " came)";
    error.advice = "find out why it is slow, or allow more time (message_timeout)";
  } else {
    error.reason = "it stopped within a message (" + part + " came) and held the page for " + text_of(stall_limit_) +
                   " while others waited for one";
    error.advice = "give the pool a page for each connection, or allow more time (stall_timeout)";
  }
  return error;
}

}  // namespace netmem
