#include "netmem/ports/stream/connections.h"

namespace netmem {
namespace {

constexpr ConnectionId kSlotMask = ConnectionTable::kFirstId - 1;

}  // namespace

Connection& ConnectionTable::add(Fd socket, std::string peer) {
  if (free_.empty()) {
    NETMEM_CHECK(slots_.size() <= kSlotMask, "a port has at most %zu connections", slots_.size());
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = std::make_unique<Connection>();
  Connection& connection = *slots_[slot];
  connection.id = ++serial_ << kSlotBits | slot;
  connection.socket = std::move(socket);
  connection.peer = std::move(peer);
  return connection;
}

Connection* ConnectionTable::find(ConnectionId id) const {
  const std::size_t slot = id & kSlotMask;
  if (slot >= slots_.size() || !slots_[slot] || slots_[slot]->id != id) return nullptr;
  return slots_[slot].get();
}

void ConnectionTable::remove(Connection& connection) {
  NETMEM_CHECK(!connection.starved.linked && !connection.open_holders.linked && !connection.open.page &&
                   !connection.endings.linked && connection.reads == 0 && !connection.idle.linked &&
                   !connection.unfinished.linked && !connection.stalled.linked,
               "connection %llu is removed while it holds a page, waits for one, or has a time limit",
               static_cast<unsigned long long>(connection.id));
  const auto slot = static_cast<std::uint32_t>(connection.id & kSlotMask);
  slots_[slot].reset();
  free_.push_back(slot);
}

std::vector<ConnectionId> ConnectionTable::ids() const {
  std::vector<ConnectionId> ids;
  for (const auto& slot : slots_)
    if (slot) ids.push_back(slot->id);
  return ids;
}

}  // namespace netmem
