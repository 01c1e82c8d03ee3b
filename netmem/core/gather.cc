#include "netmem/core/gather.h"

#include "netmem/base/check.h"
#include "netmem/core/memory_provider.h"

namespace netmem {
namespace {

// The provider that all views are of; null: there are no views.
Result<MemoryProvider*> provider_of(std::span<const View> views) {
  MemoryProvider* provider = nullptr;
  for (const View& view : views) {
    if (!view) return refused("gather", "one of the views is empty", "give it views that hold a page");
    MemoryProvider& its = view.netmem().region().provider();
    if (provider == nullptr) provider = &its;
    if (provider != &its)
      return refused(
          "gather",
          "the views are of " + views.front().netmem().region().name() + " and of " + view.netmem().region().name(),
          "gather the views of each provider by themselves");
  }
  return provider;
}

}  // namespace

Gather::~Gather() { [[maybe_unused]] const Result<void> nobody_asks = wait(); }

Result<void> Gather::begin(std::span<View> views, const Destination& to) {
  NETMEM_CHECK(!under_way(), "a gather of %zu views begins before the one of %zu is done", views.size(), pages_.size());
  const auto provider = provider_of(views);
  if (!provider) return std::unexpected(provider.error());
  if (*provider == nullptr) {
    if (to.size != 0) return refused("gather", "there are no views for " + std::to_string(to.size) + " bytes");
    return {};
  }
  pieces_.clear();
  for (const View& view : views) pieces_.push_back({view.netmem(), view.offset(), view.size()});
  engine_ = &(*provider)->copy_engine();
  const auto ticket = engine_->begin_gather(pieces_, to);
  if (!ticket) return std::unexpected(ticket.error());
  ticket_ = *ticket;
  for (View& view : views) pages_.push_back(view.release());
  if (!under_way()) release();
  return {};
}

Result<bool> Gather::poll() {
  if (!under_way()) return true;
  const auto done = engine_->poll(ticket_);
  if (!done || *done) release();
  return done;
}

Result<void> Gather::wait() {
  if (!under_way()) return {};
  const auto done = engine_->wait(ticket_);
  release();
  return done;
}

void Gather::release() {
  ticket_ = CopyTicket::done;
  drop(pages_);
  pages_.clear();
}

}  // namespace netmem
