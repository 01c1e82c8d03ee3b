#include "tools/receiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "netmem/core/reference.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

// The port's error, with what a user of the program can do.
std::string message_of(const Delivery& delivery) {
  Error error = *delivery.error;
  if (delivery.limit == Limit::idle) error.advice = "find out why it is silent, or allow more time (--timeout)";
  if (delivery.limit == Limit::message)
    error.advice = "find out why it is slow, or allow more time (--message-timeout)";
  if (delivery.limit == Limit::stall) error.advice = "give --memory a page for each connection";
  return error.message();
}

}  // namespace

Receiver::Receiver(StreamPort& port, CopyEngine& engine, Plan plan)
    : port_(port), engine_(engine), plan_(std::move(plan)) {
  if (plan_.digest == DigestKind::crc32c && !plan_.outputs->wanted()) {
    page_digest_.emplace(&engine_);
  } else if (plan_.digest != DigestKind::none || plan_.outputs->wanted()) {
    window_.resize(kWindow);
  }
  spent_.reserve(kDeliveries);
}

Result<void> Receiver::run() {
  std::array<Delivery, kDeliveries> deliveries;
  while (over_ < plan_.connections && !StopSignal::requested()) {
    // While the device computes, only what is there already; then its pages are free before anybody waits for pages.
    const bool computing = page_digest_ && page_digest_->under_way();
    // A terminal wants to see that nothing comes, too.
    const Result<std::size_t> count = port_.receive(deliveries, computing ? 0 : plan_.progress ? 100 : -1);
    if (!count) return std::unexpected(count.error());
    if (computing && *count == 0) {
      if (Result<void> done = page_digest_->finish(); !done) return done;
      continue;
    }
    const Result<void> processed = process(std::span(deliveries).first(*count));
    drop(spent_);
    spent_.clear();
    if (!processed) return processed;
    if (plan_.progress) plan_.progress(bytes_);
  }
  for (const auto& connection : connections_)
    if (!connection->over) fail(*connection, "interrupted");
  return {};
}

Result<void> Receiver::process(std::span<Delivery> deliveries) {
  for (Delivery& delivery : deliveries) {
    Result<void> done;
    if (delivery.kind == Delivery::Kind::opened) {
      open(delivery);
    } else if (delivery.kind == Delivery::Kind::data) {
      done = append(delivery);
    } else if (done = settle(); done) {
      if (Connection* connection = find(delivery.connection)) {
        if (delivery.kind == Delivery::Kind::ended) {
          end(*connection);
        } else {
          fail(*connection, delivery.error ? message_of(delivery) : "the connection failed");
        }
      }
      open_.erase(delivery.connection);
    }
    if (!done) return done;
  }
  return page_digest_ ? page_digest_->begin() : flush();
}

Result<void> Receiver::settle() { return page_digest_ ? page_digest_->finish() : flush(); }

void Receiver::open(const Delivery& delivery) {
  if (connections_.size() == plan_.connections) {
    ++turned_away_;
    port_.close(delivery.connection);
    return;
  }
  auto made = std::make_unique<Connection>();
  Connection& connection = *made;
  connections_.push_back(std::move(made));
  open_[delivery.connection] = &connection;
  connection.report.number = static_cast<unsigned>(connections_.size());
  connection.report.peer = delivery.peer;
  connection.started = Clock::now();
  if (!page_digest_) connection.digest = make_digest(plan_.digest);
  if (!plan_.outputs->wanted()) return;
  Result<Output> output = plan_.outputs->open(connection.report.number);
  if (output) {
    connection.output.emplace(std::move(*output));
  } else {
    fail(connection, output.error().message());
  }
}

Result<void> Receiver::append(Delivery& delivery) {
  View& view = delivery.view;
  Connection* connection = find(delivery.connection);
  const bool wanted = connection != nullptr && !connection->over;
  Result<void> appended;
  if (wanted) {
    connection->report.bytes += view.size();
    bytes_ += view.size();
    if (!window_.empty()) appended = append_to_window(*connection, view);
    if (page_digest_) page_digest_->add(connection->sum, {view.netmem(), view.offset(), view.size()});
  }
  if (wanted && page_digest_) {
    page_digest_->hold(view.release());
  } else {
    spent_.push_back(view.release());
  }
  return appended;
}

Result<void> Receiver::append_to_window(Connection& connection, const View& view) {
  for (std::uint32_t done = 0; done < view.size();) {
    if (filled_ == window_.size()) {
      if (Result<void> flushed = flush(); !flushed) return flushed;
    }
    const auto size = std::min<std::size_t>(view.size() - done, window_.size() - filled_);
    copies_.push_back(CopyOut{std::span(window_).subspan(filled_, size), view.netmem(), view.offset() + done});
    if (segments_.empty() || segments_.back().connection != &connection) {
      segments_.push_back(Segment{&connection, filled_, 0});
    }
    segments_.back().size += size;
    filled_ += size;
    done += static_cast<std::uint32_t>(size);
  }
  return {};
}

Result<void> Receiver::flush() {
  if (filled_ == 0) return {};
  if (Result<void> copied = engine_.copy_out(copies_); !copied) return copied;
  for (const Segment& segment : segments_)
    consume(*segment.connection, std::span<const std::byte>(window_).subspan(segment.begin, segment.size));
  copies_.clear();
  segments_.clear();
  filled_ = 0;
  return {};
}

void Receiver::consume(Connection& connection, std::span<const std::byte> bytes) {
  if (connection.over) return;
  if (connection.digest) connection.digest->update(bytes);
  if (!connection.output) return;
  const Result<void> written = connection.output->write(bytes, &StopSignal::requested);
  if (!written) fail(connection, written.error().message());
}

void Receiver::end(Connection& connection) {
  if (connection.over) return;
  if (connection.output) {
    if (const Result<void> finished = connection.output->finish(); !finished) {
      fail(connection, finished.error().message());
      return;
    }
    connection.report.output = connection.output->name();
  }
  if (connection.digest) connection.report.digest = connection.digest->hex();
  if (page_digest_) connection.report.digest = connection.sum.hex();
  close(connection);
}

void Receiver::fail(Connection& connection, const std::string& why) {
  if (connection.over) return;
  connection.report.error = why;
  close(connection);
  if (plan_.complain)
    plan_.complain(fmt::format("connection {} {}: {}", connection.report.number, connection.report.peer, why));
  const auto found = std::ranges::find(open_, &connection, &std::pair<const ConnectionId, Connection*>::second);
  if (found == open_.end()) return;
  port_.close(found->first);
  open_.erase(found);
}

void Receiver::close(Connection& connection) {
  connection.over = true;
  ++over_;
  connection.output.reset();
  connection.digest.reset();
  last_end_ = Clock::now();
  connection.report.seconds = std::chrono::duration<double>(last_end_ - connection.started).count();
}

Receiver::Connection* Receiver::find(ConnectionId id) {
  const auto found = open_.find(id);
  return found == open_.end() ? nullptr : found->second;
}

std::vector<ConnectionReport> Receiver::connections() const {
  std::vector<ConnectionReport> reports;
  for (const auto& connection : connections_) {
    reports.push_back(connection->report);
    if (!connection->over) reports.back().error = "the port failed";
  }
  return reports;
}

double Receiver::seconds() const {
  if (connections_.empty() || over_ == 0) return 0;
  return std::chrono::duration<double>(last_end_ - connections_.front()->started).count();
}

}  // namespace netmem::tool
