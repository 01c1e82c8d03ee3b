#include "netmem/ports/tcp/port.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "netmem/base/deadline.h"
#include "netmem/base/single_writer.h"
#include "netmem/base/units.h"
#include "netmem/ports/stream/address.h"
#include "netmem/ports/stream/connections.h"
#include "netmem/ports/stream/copy_wait.h"
#include "netmem/ports/stream/poller.h"
#include "netmem/ports/tcp/acceptor.h"
#include "netmem/ports/tcp/landing.h"
#include "netmem/ports/tcp/socket.h"
#include "netmem/ports/tcp/time_limits.h"

namespace netmem {
namespace {

// While a connection waits for pages, they are looked for again after 1, 2, 4, 5, 5, ... ms.
constexpr int kFirstRetryMs = 1;
constexpr int kLongestRetryMs = 5;

// A connection that is alone and fills its reads is read this often before the poller is asked again: a system call
// less for each read, and new connections wait no longer than a millisecond.
constexpr int kMostRereads = 8;

using Tally = SingleWriter<std::uint64_t>;

// What the kernel says of a peer that no longer answers, to keepalive or at all.
bool is_vanished(int code) {
  return code == ETIMEDOUT || code == EHOSTUNREACH || code == ENETUNREACH || code == EHOSTDOWN || code == ENETDOWN;
}

// Whether there are bytes to read, an end or an error.
bool has_news(const Connection& connection) {
  std::byte first;
  return ::recv(connection.socket.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
         (errno != EAGAIN && errno != EINTR);
}

// The part of the program's span that is still to be filled.
class Sink {
 public:
  explicit Sink(std::span<Delivery> out) : out_(out) {}

  [[nodiscard]] bool full() const { return count_ == out_.size(); }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::span<Delivery> room() const { return out_.subspan(count_); }
  void written(std::size_t count) { count_ += count; }
  void put(Delivery delivery) { out_[count_++] = std::move(delivery); }
  // Views of earlier calls that the program left in the span. Whether there was one.
  bool drop_leftovers() {
    bool any = false;
    for (Delivery& one : room()) {
      any |= static_cast<bool>(one.view);
      one.view.reset();
    }
    return any;
  }

 private:
  std::span<Delivery> out_;
  std::size_t count_ = 0;
};

class KernelTcpPort final : public TcpPort {
 public:
  KernelTcpPort(PagePool& pool, Landing landing, std::unique_ptr<LandingStrategy> strategy, const TcpOptions& options,
                Poller poller)
      : pool_(pool),
        landing_(landing),
        strategy_(std::move(strategy)),
        whole_messages_(options.message_size != 0),
        keep_alive_(options.keep_alive),
        limits_(options),
        poller_(std::move(poller)),
        acceptor_(options.keep_alive) {}
  ~KernelTcpPort() override {
    for (const ConnectionId id : connections_.ids()) close(id);
  }

  Result<void> listen(const std::string& address) override { return acceptor_.listen(address, poller_); }
  [[nodiscard]] std::uint16_t local_port() const override { return acceptor_.last_port(); }
  [[nodiscard]] Landing landing() const override { return landing_; }
  void wake() noexcept override { poller_.wake(); }

  Result<ConnectionId> adopt(Fd socket) override;
  Result<std::size_t> receive(std::span<Delivery> out, int timeout_ms) override;
  void close(ConnectionId id) override;
  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] std::vector<Counter> counters() const override;

 private:
  Result<void> look(const Sink& sink, int left_ms, CopyWait& copies);
  [[nodiscard]] int wait_ms(const Sink& sink, int left_ms, CopyWait& copies);
  void handle(std::uint64_t tag, Sink& sink);
  void accept(std::uint64_t tag, Sink& sink);
  Landed::Kind take_turn(Connection& connection, Sink& sink);
  Landed::Kind read(Connection& connection, Sink& sink);
  bool reread(Sink& sink);
  Result<Landed> land(Connection& connection, Sink& sink);
  void settle(Connection& connection, const Result<Landed>& landed, Sink& sink);

  void deliver(Sink& sink);
  void take_arrivals(Sink& sink);
  void finish(Connection& connection, std::optional<Error> error, Sink& sink);
  bool put_last(Connection& connection, Sink& sink);
  void count_failure(const Connection& connection);
  void remove(Connection& connection);
  Result<void> watch(Connection& connection);
  void unwatch(Connection& connection);

  void starve(Connection& connection, Sink& sink);
  void serve_starved(Sink& sink);
  [[nodiscard]] Connection* first_starved_with_part() const;

  void end_overdue(Sink& sink);
  void end_stalled(Sink& sink);
  bool look_once_more(Connection& connection, Sink& sink);
  void end(Connection& connection, Limit limit, Sink& sink);
  [[nodiscard]] bool is_dry();

  bool free_pages(Sink& sink);
  void note_open_page(Connection& connection);
  void give_up_open_page(Connection& connection);
  [[nodiscard]] bool has_part(const Connection& connection) const {
    return whole_messages_ && static_cast<bool>(connection.open.page);
  }

  PagePool& pool_;
  Landing landing_;
  std::unique_ptr<LandingStrategy> strategy_;
  bool whole_messages_;
  KeepAlive keep_alive_;
  TimeLimits limits_;
  Poller poller_;
  Acceptor acceptor_;
  ConnectionTable connections_;
  ConnectionQueue<&Connection::starved> starved_;  // first come, first served; none of them is watched by the poller
  ConnectionQueue<&Connection::open_holders> open_holders_;
  ConnectionQueue<&Connection::endings> endings_;
  bool events_first_ = false;  // the starved filled the program's span last time: what the poller has goes first
  int retry_ms_ = kFirstRetryMs;
  ConnectionId reread_ = 0;  // filled its last read and was alone; 0: none
  int rereads_ = 0;          // in a row

  struct {
    Tally accepted, adopted, ended, failed, closed, connections;
    Tally bytes, reads, pages, views, open_pages_given_up, staged_copies, abandoned_bytes;
    Tally starved, starved_now, waits, accept_paused;
    Tally idle_timeouts, message_timeouts, stall_timeouts, vanished, failed_otherwise;  // of `failed`
  } tally_;
};

Result<ConnectionId> KernelTcpPort::adopt(Fd socket) {
  const std::string attempted = "adopt a socket";
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0)
    return system_error(attempted, "pass a connected stream socket");
  if (type != SOCK_STREAM) return refused(attempted, "it is no stream socket", "pass a connected stream socket");
  const SocketAddress peer = peer_address(socket.get());
  if (peer.family() == AF_UNSPEC) return refused(attempted, "it is not connected", "pass a connected stream socket");
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) return system_error(attempted);
  if (auto prepared = prepare_stream_socket(socket.get(), keep_alive_); !prepared)
    return std::unexpected(prepared.error());
  Connection& connection = connections_.add(std::move(socket), format_address(peer));
  if (auto added = watch(connection); !added) {
    connections_.remove(connection);
    return std::unexpected(added.error());
  }
  limits_.time_passes();
  limits_.begin(connection);
  tally_.adopted.add(1);
  tally_.connections.set(connections_.size());
  return connection.id;
}

Result<std::size_t> KernelTcpPort::receive(std::span<Delivery> out, int timeout_ms) {
  if (out.empty()) return refused("receive", "there is no room for a delivery", "pass room for at least one");
  Sink sink(out);
  limits_.time_passes();
  if (strategy_->idle() && reread(sink)) return sink.count();
  const Deadline deadline(timeout_ms);
  CopyWait copies;
  for (;;) {
    end_overdue(sink);
    deliver(sink);
    if (!std::exchange(events_first_, false)) serve_starved(sink);
    events_first_ = sink.full();
    if (!sink.full())
      if (auto looked = look(sink, deadline.left_ms(), copies); !looked) return std::unexpected(looked.error());
    while (!sink.full() && !strategy_->full()) {
      const auto tag = poller_.next();
      if (!tag) break;
      handle(*tag, sink);
    }
    if (sink.count() != 0 || poller_.take_woken() || deadline.left_ms() == 0) return sink.count();
  }
}

// Waits for sockets, if none is known to be ready. One that cannot be read before something has landed is not waited
// for.
Result<void> KernelTcpPort::look(const Sink& sink, int left_ms, CopyWait& copies) {
  if (!strategy_->full() && poller_.pending()) return {};
  const int wait = wait_ms(sink, left_ms, copies);
  limits_.time_passes();
  if (strategy_->full()) {
    if (wait != 0) poller_.wait_for_wake(wait);
    return {};
  }
  tally_.waits.add(1);
  rereads_ = 0;
  return poller_.wait(wait);
}

int KernelTcpPort::wait_ms(const Sink& sink, int left_ms, CopyWait& copies) {
  const int resume = acceptor_.resume(poller_);
  if (sink.count() != 0) return 0;
  int wait = sooner(sooner(left_ms, resume), limits_.next_ms());
  if (!strategy_->idle()) wait = sooner(wait, copies.next_ms());
  if (!starved_.empty() && wait != 0) {
    wait = sooner(wait, retry_ms_);
    retry_ms_ = std::min(2 * retry_ms_, kLongestRetryMs);
  }
  return wait;
}

void KernelTcpPort::handle(std::uint64_t tag, Sink& sink) {
  if (tag < Acceptor::kTagEnd) return accept(tag, sink);
  Connection* connection = connections_.find(tag);
  if (connection == nullptr || !connection->watched) return;  // closed, over, or queued, since the wait
  if (take_turn(*connection, sink) == Landed::Kind::busy) poller_.again();
}

// Reads, unless others have waited for pages before: they come first.
Landed::Kind KernelTcpPort::take_turn(Connection& connection, Sink& sink) {
  const bool finishes_message = has_part(connection);  // which needs no page, and makes one free
  if (starved_.empty() || finishes_message) return read(connection, sink);
  starve(connection, sink);
  return Landed::Kind::dry;
}

void KernelTcpPort::accept(std::uint64_t tag, Sink& sink) {
  while (!sink.full()) {
    auto accepted = acceptor_.try_accept(tag, poller_);
    tally_.accept_paused.set(acceptor_.pauses());
    if (!accepted) return;
    tally_.accepted.add(1);
    Connection& connection = connections_.add(std::move(accepted->socket), std::move(accepted->peer));
    tally_.connections.set(connections_.size());
    if (auto added = watch(connection); !added) {
      finish(connection, added.error(), sink);
      continue;
    }
    limits_.begin(connection);
    sink.put({.connection = connection.id,
              .kind = Delivery::Kind::opened,
              .view = {},
              .peer = connection.peer,
              .error = {}});
  }
}

// How it went; `nothing` when there was an error.
Landed::Kind KernelTcpPort::read(Connection& connection, Sink& sink) {
  const Result<Landed> landed = land(connection, sink);
  const Landed::Kind kind = landed ? landed->kind : Landed::Kind::nothing;
  if (kind == Landed::Kind::dry) {
    starve(connection, sink);
    return kind;
  }
  const ConnectionId id = connection.id;
  settle(connection, landed, sink);
  if (landed && landed->filled && poller_.single() && rereads_ < kMostRereads) reread_ = id;
  return kind;
}

// Whether that brought anything.
bool KernelTcpPort::reread(Sink& sink) {
  Connection* connection = connections_.find(std::exchange(reread_, 0));
  if (connection == nullptr || !connection->watched || !starved_.empty()) return false;
  ++rereads_;
  read(*connection, sink);
  return sink.count() != 0;
}

// Looks for pages that nobody uses before it says that there are none.
Result<Landed> KernelTcpPort::land(Connection& connection, Sink& sink) {
  // While others are starved, fresh pages are theirs.
  const std::size_t pages = has_part(connection) && !starved_.empty() ? 1 : LandingStrategy::kAnyNumber;
  for (;;) {
    const OpenPage before = connection.open;
    auto landed = strategy_->land(connection, sink.room(), pages);
    note_open_page(connection);
    if (!landed) return landed;
    if (landed->kind == Landed::Kind::busy) return landed;
    if (landed->kind == Landed::Kind::dry && free_pages(sink)) continue;
    if (landed->kind == Landed::Kind::dry) return landed;
    if (landed->kind == Landed::Kind::data || landed->kind == Landed::Kind::begun) limits_.heard(connection, before);
    tally_.reads.add(1);
    tally_.staged_copies.add(landed->copies);
    if (landed->views != 0) {
      tally_.views.add(landed->views);
      tally_.pages.add(landed->views - (before.page && !whole_messages_ ? 1 : 0));
      tally_.bytes.add(landed->bytes);
    }
    return landed;
  }
}

void KernelTcpPort::settle(Connection& connection, const Result<Landed>& landed, Sink& sink) {
  if (!landed) return finish(connection, landed.error(), sink);
  if (landed->kind == Landed::Kind::data) sink.written(landed->views);
  if (landed->kind == Landed::Kind::begun) take_arrivals(sink);
  if (landed->kind == Landed::Kind::ended) finish(connection, std::nullopt, sink);
}

// What has landed since, and the ends of connections that waited for it.
void KernelTcpPort::deliver(Sink& sink) {
  if (!strategy_->idle()) {
    strategy_->poll();
    take_arrivals(sink);
  }
  for (Connection* connection = endings_.front(); connection != nullptr && !sink.full();) {
    Connection* const next = connection->endings.next;
    if (connection->reads == 0) put_last(*connection, sink);
    connection = next;
  }
}

void KernelTcpPort::take_arrivals(Sink& sink) {
  while (!sink.full()) {
    Arrival arrival = strategy_->arrive(sink.room());
    if (arrival.connection == nullptr) return;
    if (arrival.error) {
      strategy_->abandon(*arrival.connection);
      finish(*arrival.connection, std::move(arrival.error), sink);
      continue;
    }
    sink.written(arrival.views);
    tally_.views.add(arrival.views);
    tally_.pages.add(arrival.pages);
    tally_.bytes.add(arrival.bytes);
  }
}

// Nothing is read any more; the last delivery comes after those of the reads that are under way.
void KernelTcpPort::finish(Connection& connection, std::optional<Error> error, Sink& sink) {
  unwatch(connection);
  starved_.remove(connection);
  limits_.forget(connection);
  connection.over = true;
  if (error) error->attempted = "receive from " + connection.peer;
  if (error && is_vanished(error->code) && error->advice.empty())
    error->advice = "see whether the peer's machine runs and the network between carries packets";
  connection.error = std::move(error);
  if (connection.reads == 0 && put_last(connection, sink)) return;
  if (!connection.endings.linked) endings_.push_back(connection);
}

// False: there was no room for all of it.
bool KernelTcpPort::put_last(Connection& connection, Sink& sink) {
  const bool failed = connection.error.has_value();
  if (has_part(connection) && !failed && !sink.full()) {
    const OpenPage part = std::exchange(connection.open, {});
    tally_.views.add(1);
    tally_.pages.add(1);
    tally_.bytes.add(part.used);
    write_data(sink.room().front(), connection.id, View(Ref(part.page), 0, part.used));
    sink.written(1);
  }
  if (sink.full()) return false;
  (failed ? tally_.failed : tally_.ended).add(1);
  if (failed) count_failure(connection);
  sink.put({.connection = connection.id,
            .kind = failed ? Delivery::Kind::failed : Delivery::Kind::ended,
            .limit = connection.limit,
            .view = {},
            .peer = {},
            .error = std::move(connection.error)});
  remove(connection);
  return true;
}

void KernelTcpPort::count_failure(const Connection& connection) {
  switch (connection.limit) {
    case Limit::idle:
      return tally_.idle_timeouts.add(1);
    case Limit::message:
      return tally_.message_timeouts.add(1);
    case Limit::stall:
      return tally_.stall_timeouts.add(1);
    case Limit::none:
      (is_vanished(connection.error->code) ? tally_.vanished : tally_.failed_otherwise).add(1);
  }
}

void KernelTcpPort::close(ConnectionId id) {
  Connection* connection = connections_.find(id);
  if (connection == nullptr) return;
  tally_.closed.add(1);
  remove(*connection);
}

void KernelTcpPort::remove(Connection& connection) {
  if (connection.reads != 0) strategy_->abandon(connection);
  unwatch(connection);
  starved_.remove(connection);
  limits_.forget(connection);
  endings_.remove(connection);
  if (has_part(connection)) tally_.abandoned_bytes.add(connection.open.used);
  if (connection.open.page) give_up_open_page(connection);
  connections_.remove(connection);
  tally_.connections.set(connections_.size());
  tally_.starved_now.set(starved_.size());
}

Result<void> KernelTcpPort::watch(Connection& connection) {
  auto added = poller_.add(connection.socket.get(), connection.id);
  connection.watched = added.has_value();
  return added;
}

void KernelTcpPort::unwatch(Connection& connection) {
  if (std::exchange(connection.watched, false)) poller_.remove(connection.socket.get());
}

// Takes the connection out of the poller until it had its turn: a ready descriptor that nobody reads would make every
// wait return at once. One that has only its end or an error to tell needs no page for that.
void KernelTcpPort::starve(Connection& connection, Sink& sink) {
  std::byte first;
  const ssize_t count = ::recv(connection.socket.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count == 0) return finish(connection, std::nullopt, sink);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count < 0) return finish(connection, system_error("receive").error(), sink);
  unwatch(connection);
  starved_.push_back(connection);
  limits_.starved(connection);
  tally_.starved.add(1);
  tally_.starved_now.set(starved_.size());
}

// A turn for each, as long as there are pages; afterwards the poller watches it again. Without a page, one for those
// who can go on in theirs.
void KernelTcpPort::serve_starved(Sink& sink) {
  bool dry = false;
  for (std::size_t turns = starved_.size(); turns != 0 && !sink.full() && !strategy_->full(); --turns) {
    Connection* const connection = dry ? first_starved_with_part() : starved_.front();
    if (connection == nullptr) break;
    const Result<Landed> landed = land(*connection, sink);
    if (landed && landed->kind == Landed::Kind::busy) break;
    if (landed && landed->kind == Landed::Kind::dry) {
      if (dry || !whole_messages_) break;
      dry = true;
      continue;
    }
    retry_ms_ = kFirstRetryMs;
    starved_.remove(*connection);
    if (auto added = watch(*connection); !added) starved_.push_back(*connection);
    settle(*connection, landed, sink);
  }
  end_stalled(sink);
  tally_.starved_now.set(starved_.size());
}

Connection* KernelTcpPort::first_starved_with_part() const {
  Connection* connection = starved_.front();
  while (connection != nullptr && !has_part(*connection)) connection = connection->starved.next;
  return connection;
}

void KernelTcpPort::end_overdue(Sink& sink) {
  for (const Limit limit : {Limit::idle, Limit::message})
    while (!sink.full()) {
      Connection* const connection = limits_.overdue(limit);
      if (connection == nullptr) break;
      if (!look_once_more(*connection, sink)) end(*connection, limit, sink);
    }
}

// One for each that has waited too long. Those who go on free their pages by themselves.
void KernelTcpPort::end_stalled(Sink& sink) {
  if (!whole_messages_ || starved_.empty() || sink.full()) return;
  // Somebody who has a page waits for staging pages only, and so may all others.
  Connection* waiter = starved_.front();
  if (has_part(*waiter) || limits_.stalled_before(*waiter) == nullptr || !is_dry()) return;
  while (waiter != nullptr && !sink.full()) {
    Connection* const holder = has_part(*waiter) ? nullptr : limits_.stalled_before(*waiter);
    if (holder == nullptr) return;
    const ConnectionId id = holder->id;
    if (look_once_more(*holder, sink)) {
      const Connection* still = limits_.stalled_before(*waiter);
      if (still == nullptr || still->id != id) return;
    } else {
      end(*holder, Limit::stall, sink);
      waiter = waiter->starved.next;
    }
  }
}

// The program may have been busy with something else while bytes came: before a limit ends a connection they are read,
// and where that is not possible now, the connection gets its time once more. False: there is nothing. Otherwise the
// connection may be gone.
bool KernelTcpPort::look_once_more(Connection& connection, Sink& sink) {
  if (!has_news(connection)) return false;
  const ConnectionId id = connection.id;
  if (connection.watched && !strategy_->full()) {
    const Landed::Kind kind = take_turn(connection, sink);
    if (kind == Landed::Kind::data || kind == Landed::Kind::begun) return true;
  }
  if (Connection* still = connections_.find(id); still != nullptr && !still->over) limits_.postpone(*still);
  return true;
}

void KernelTcpPort::end(Connection& connection, Limit limit, Sink& sink) {
  connection.limit = limit;
  finish(connection, limits_.error(connection, limit), sink);
}

bool KernelTcpPort::is_dry() {
  const Netmem page = pool_.try_alloc();
  if (page) pool_.recycle(page, 0);
  return !page;
}

// Pages that are held for no good reason when none are left. Whether there were any.
bool KernelTcpPort::free_pages(Sink& sink) {
  bool any = sink.drop_leftovers();
  while (Connection* holder = open_holders_.front()) {
    give_up_open_page(*holder);
    tally_.open_pages_given_up.add(1);
    any = true;
  }
  return any;
}

void KernelTcpPort::note_open_page(Connection& connection) {
  const bool holds = static_cast<bool>(connection.open.page) && !whole_messages_;
  if (holds == connection.open_holders.linked) return;
  if (holds)
    open_holders_.push_back(connection);
  else
    open_holders_.remove(connection);
}

void KernelTcpPort::give_up_open_page(Connection& connection) {
  open_holders_.remove(connection);
  drop(std::exchange(connection.open, {}).page);
}

std::string KernelTcpPort::describe() const {
  return "tcp " + acceptor_.describe() + ", landing " + (landing_ == Landing::direct ? "direct" : "staged") + ", " +
         pool_.provider().describe();
}

std::vector<Counter> KernelTcpPort::counters() const {
  return {{"accepted", tally_.accepted.read()},
          {"adopted", tally_.adopted.read()},
          {"ended", tally_.ended.read()},
          {"failed_connections", tally_.failed.read()},
          {"idle_timeouts", tally_.idle_timeouts.read()},
          {"message_timeouts", tally_.message_timeouts.read()},
          {"stall_timeouts", tally_.stall_timeouts.read()},
          {"vanished", tally_.vanished.read()},
          {"failed_otherwise", tally_.failed_otherwise.read()},
          {"closed", tally_.closed.read()},
          {"connections", tally_.connections.read()},
          {"bytes", tally_.bytes.read()},
          {"reads", tally_.reads.read()},
          {"pages", tally_.pages.read()},
          {"views", tally_.views.read()},
          {"open_pages_given_up", tally_.open_pages_given_up.read()},
          {"staged_copies", tally_.staged_copies.read()},
          {"reads_under_way", strategy_->tally().reads_under_way.read()},
          {"late_reads", strategy_->tally().late_reads.read()},
          {"copies_awaited", strategy_->tally().copies_awaited.read()},
          {"failed_copies", strategy_->tally().failed_copies.read()},
          {"abandoned_bytes", tally_.abandoned_bytes.read() + strategy_->tally().abandoned_bytes.read()},
          {"starved", tally_.starved.read()},
          {"starved_now", tally_.starved_now.read()},
          {"waits", tally_.waits.read()},
          {"accept_paused", tally_.accept_paused.read()}};
}

}  // namespace

Result<std::unique_ptr<TcpPort>> TcpPort::create(PagePool& pool, TcpOptions options) {
  if (options.read_size == 0)
    return refused("open a tcp port", "its read size is zero", "leave TcpOptions::read_size at 256 KiB");
  if (options.message_size > pool.page_size())
    return refused("open a tcp port",
                   "messages of " + std::to_string(options.message_size) + " bytes do not fit pages of " +
                       format_size(pool.page_size()),
                   "take pages of " + format_size(std::bit_ceil(options.message_size)));
  if (auto checked = TimeLimits::check(options); !checked) return std::unexpected(checked.error());
  if (auto checked = check_keep_alive(options.keep_alive); !checked) return std::unexpected(checked.error());
  const auto landing = choose_landing(pool, options);
  if (!landing) return std::unexpected(landing.error());
  auto poller = Poller::create();
  if (!poller) return std::unexpected(poller.error());
  auto strategy = *landing == Landing::direct ? make_direct_landing(pool, options) : make_staged_landing(pool, options);
  return std::make_unique<KernelTcpPort>(pool, *landing, std::move(strategy), options, std::move(*poller));
}

}  // namespace netmem
