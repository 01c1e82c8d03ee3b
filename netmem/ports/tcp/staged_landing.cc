// Landing `staged`: readv into host pages, then the copy engine, several reads at a time.
//
//   socket --readv--> host pages --begin_copy_in, one batch--> pages, a Read each
//                        |                                       | its ticket ends, in any order
//                        `-----<-- back to the staging pool --<--+--> landed --> delivered, in the connection's order
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "netmem/ports/tcp/landing.h"

namespace netmem {
namespace {

constexpr std::size_t kMostReads = 16;  // under way, of all connections; the staging pool may have pages for fewer

struct Read {
  enum class State : std::uint8_t { under_way, landed, failed };
  Connection* connection = nullptr;  // null: it has gone, and nothing is delivered
  State state = State::under_way;
  CopyTicket ticket = CopyTicket::done;
  std::optional<Error> error;
  std::vector<Netmem> host;   // copied from, until the ticket ends
  std::vector<View> views;    // copied to
  std::size_t delivered = 0;  // views
  Ref part;                   // copied to, without a view: an unfinished message
};

// What a device said, as the reason of what the port attempted.
Error failure(const Error& of_device) { return {"receive", of_device.message(), {}, of_device.code}; }

class StagedLanding final : public LandingStrategy {
 public:
  StagedLanding(PagePool& pool, const TcpOptions& options)
      : run_(pool, options.read_size, options.message_size),
        engine_(pool.provider().copy_engine()),
        staging_(*options.staging),
        staging_page_(staging_.page_size()),
        read_size_((options.read_size + staging_page_ - 1) / staging_page_ * staging_page_),
        host_(std::min(read_size_ / staging_page_, IoVector::kMost)),
        io_(host_.size()) {
    batch_.reserve(run_.most() + host_.size());
    order_.reserve(kMostReads);
    for (Read& read : all_) {
      read.host.reserve(host_.size());
      read.views.reserve(run_.most());
      spare_.push_back(&read);
    }
  }
  // Waits for what is under way.
  ~StagedLanding() override {
    for (Read* const read : order_) {
      if (read->state == Read::State::under_way && !engine_.wait(read->ticket)) tally_.failed_copies.add(1);
      recycle(read->host);
    }
  }

  Result<Landed> land(Connection& connection, std::span<Delivery> out, std::size_t pages) override;
  void poll() override;
  Arrival arrive(std::span<Delivery> out) override;
  void abandon(Connection& connection) override;

 private:
  Landed::Kind gather_host_or_wait();
  bool gather_host() noexcept;
  std::unexpected<Error> give_up(std::size_t bytes, const Error& why);
  // All but the first `keep` of those gathered.
  void recycle_host(std::size_t keep) noexcept {
    while (host_count_ > keep) staging_.recycle(host_[--host_count_]);
  }
  Result<CopyTicket> begin_copy(std::size_t bytes);
  Read& begin_read(Connection& connection, CopyTicket ticket, std::size_t bytes);
  bool ask(Read& read);
  void end_copy(Read& read, const Result<void>& outcome);
  Arrival deliver(Read& read, std::span<Delivery> out);
  void retire(Read& read);
  void set_under_way(std::size_t count);
  void recycle(std::vector<Netmem>& pages) noexcept {
    for (; !pages.empty(); pages.pop_back()) staging_.recycle(pages.back());
  }
  [[nodiscard]] bool is_first_of_its_connection(std::size_t i) const;

  PageRun run_;
  CopyEngine& engine_;
  PagePool& staging_;
  std::size_t staging_page_;
  std::size_t read_size_;  // in whole pages of the staging pool
  std::vector<Netmem> host_;
  std::size_t host_count_ = 0;
  IoVector io_;
  std::vector<CopyIn> batch_;

  std::array<Read, kMostReads> all_;
  std::vector<Read*> spare_;
  std::vector<Read*> order_;  // those under way or to be delivered, as they were begun
  std::size_t under_way_ = 0;
  bool short_of_host_ = false;  // until a copy has ended
};

Result<Landed> StagedLanding::land(Connection& connection, std::span<Delivery> /*out*/, std::size_t pages) {
  if (spare_.empty()) return Landed{.kind = Landed::Kind::busy};
  if (!run_.gather(connection.open, pages)) return Landed{.kind = Landed::Kind::dry};
  if (const auto gathered = gather_host_or_wait(); gathered != Landed::Kind::data) {
    run_.put_back();
    return Landed{.kind = gathered};
  }
  const ssize_t count = io_.read(connection.socket.get());
  const auto bytes = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  recycle_host((bytes + staging_page_ - 1) / staging_page_);
  if (count <= 0) {
    run_.put_back();
    return read_without_bytes(count);
  }
  const Result<CopyTicket> ticket = begin_copy(bytes);
  if (!ticket) return give_up(bytes, ticket.error());
  Read& read = begin_read(connection, *ticket, bytes);
  if (*ticket == CopyTicket::done)
    end_copy(read, {});
  else
    tally_.late_reads.add(1);
  return Landed{.kind = Landed::Kind::begun, .copies = batch_.size(), .filled = bytes == io_.size()};
}

// `data`: there are host pages to read into; `busy`, `dry`: there are none, for as long as copies are under way or not.
Landed::Kind StagedLanding::gather_host_or_wait() {
  if (gather_host()) return Landed::Kind::data;
  poll();
  if (gather_host()) return Landed::Kind::data;
  if (under_way_ == 0) return Landed::Kind::dry;
  short_of_host_ = full_ = true;
  tally_.copies_awaited.add(1);
  return Landed::Kind::busy;
}

// What was read cannot be copied.
std::unexpected<Error> StagedLanding::give_up(std::size_t bytes, const Error& why) {
  recycle_host(0);
  run_.put_back();
  tally_.failed_copies.add(1);
  tally_.abandoned_bytes.add(bytes);
  return std::unexpected(failure(why));
}

// Host pages for as many bytes as the run has room for, or for fewer.
bool StagedLanding::gather_host() noexcept {
  const std::size_t room = std::min(run_.bytes(), host_.size() * staging_page_);
  host_count_ = alloc_run(staging_, std::span(host_).first((room + staging_page_ - 1) / staging_page_));
  io_.clear();
  for (std::size_t i = 0; i < host_count_; ++i)
    io_.add(Page(host_[i]).address(), std::min(staging_page_, room - i * staging_page_));
  return host_count_ != 0;
}

// Each piece lies in one host page and goes to one page of the run.
Result<CopyTicket> StagedLanding::begin_copy(std::size_t bytes) {
  batch_.clear();
  std::size_t in_page = 0;  // of page `i` of the run
  for (std::size_t done = 0, i = 0; done < bytes;) {
    const PageRun::Room room = run_.room(i);
    const std::size_t at = done % staging_page_;
    const std::size_t size = std::min({bytes - done, room.size - in_page, staging_page_ - at});
    batch_.push_back({.to = room.page,
                      .offset = static_cast<std::uint32_t>(room.offset + in_page),
                      .from = Page(host_[done / staging_page_]).bytes().subspan(at, size)});
    done += size;
    in_page += size;
    if (in_page == room.size) {
      in_page = 0;
      ++i;
    }
  }
  return engine_.begin_copy_in(batch_);
}

Read& StagedLanding::begin_read(Connection& connection, CopyTicket ticket, std::size_t bytes) {
  Read& read = *spare_.back();
  spare_.pop_back();
  order_.push_back(&read);
  read.connection = &connection;
  read.state = Read::State::under_way;
  read.ticket = ticket;
  for (std::size_t i = 0; i < host_count_; ++i) read.host.push_back(host_[i]);
  host_count_ = 0;
  run_.settle(bytes, connection.open, [&](View&& view) { read.views.push_back(std::move(view)); });
  if (run_.whole_messages() && connection.open.page) {
    retain(connection.open.page);
    read.part = Ref(connection.open.page);
  }
  ++connection.reads;
  ++reads_;
  set_under_way(under_way_ + 1);
  full_ = spare_.empty();
  return read;
}

// Devices end their tickets in order, as a rule: when the oldest have ended, those behind one that has not need no
// question. When the oldest has not, all are asked: it may be one that hangs.
void StagedLanding::poll() {
  bool any = false, in_order = true;
  for (Read* const read : order_) {
    if (read->state != Read::State::under_way) continue;
    if (ask(*read)) {
      any = true;
    } else {
      if (any && in_order) break;
      in_order = false;
    }
  }
  if (!any) return;
  for (std::size_t i = order_.size(); i-- != 0;)
    if (order_[i]->connection == nullptr && order_[i]->state != Read::State::under_way) retire(*order_[i]);
}

bool StagedLanding::ask(Read& read) {
  const Result<bool> done = engine_.poll(read.ticket);
  if (done && !*done) return false;
  end_copy(read, done ? Result<void>() : std::unexpected(done.error()));
  return true;
}

// The host pages are free, well or not.
void StagedLanding::end_copy(Read& read, const Result<void>& outcome) {
  recycle(read.host);
  set_under_way(under_way_ - 1);
  short_of_host_ = false;
  full_ = spare_.empty();
  read.state = outcome ? Read::State::landed : Read::State::failed;
  if (outcome) return;
  tally_.failed_copies.add(1);
  read.error = failure(outcome.error());
}

void StagedLanding::set_under_way(std::size_t count) {
  under_way_ = count;
  tally_.reads_under_way.set(count);
}

bool StagedLanding::is_first_of_its_connection(std::size_t i) const {
  for (std::size_t before = 0; before < i; ++before)
    if (order_[before]->connection == order_[i]->connection) return false;
  return true;
}

Arrival StagedLanding::arrive(std::span<Delivery> out) {
  for (std::size_t i = 0; i < order_.size(); ++i) {
    Read& read = *order_[i];
    if (read.connection == nullptr || read.state == Read::State::under_way || !is_first_of_its_connection(i)) continue;
    if (read.state == Read::State::failed) return {.connection = read.connection, .error = std::move(read.error)};
    return deliver(read, out);
  }
  return {};
}

Arrival StagedLanding::deliver(Read& read, std::span<Delivery> out) {
  Arrival arrival;
  arrival.connection = read.connection;
  while (arrival.views < out.size() && read.delivered < read.views.size()) {
    View& view = read.views[read.delivered++];
    arrival.bytes += view.size();
    arrival.pages += view.offset() == 0 ? 1 : 0;
    write_data(out[arrival.views++], read.connection->id, std::move(view));
  }
  if (read.delivered == read.views.size()) {
    --read.connection->reads;
    retire(read);
  }
  return arrival;
}

void StagedLanding::abandon(Connection& connection) {
  for (std::size_t i = order_.size(); i-- != 0;) {
    Read& read = *order_[i];
    if (read.connection != &connection) continue;
    for (const View& view : read.views) tally_.abandoned_bytes.add(view ? view.size() : 0);
    read.connection = nullptr;
    if (read.state != Read::State::under_way) retire(read);
  }
  connection.reads = 0;
}

// REQUIRES: its ticket has ended.
void StagedLanding::retire(Read& read) {
  read.connection = nullptr;
  read.views.clear();
  read.delivered = 0;
  read.part.reset();
  std::erase(order_, &read);
  spare_.push_back(&read);
  --reads_;
  full_ = short_of_host_;
}

}  // namespace

std::unique_ptr<LandingStrategy> make_staged_landing(PagePool& pool, const TcpOptions& options) {
  return std::make_unique<StagedLanding>(pool, options);
}

}  // namespace netmem
