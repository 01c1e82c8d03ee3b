#include "netmem/ports/xdp/split_flight.h"

#include "netmem/core/reference.h"

namespace netmem {

SplitFlight::SplitFlight(CopyEngine& engine) : engine_(engine), slots_(std::make_unique<Slot[]>(kMostBatches)) {
  for (std::size_t i = 0; i < kMostBatches; ++i) slots_[i].spent.reserve(kMostSpent);
}

SplitFlight::~SplitFlight() {
  for (; count_ != 0; --count_, first_ = (first_ + 1) % kMostBatches) {
    Slot& slot = oldest();
    if (!slot.ended) {
      wait(slot);
      for (const SpentBuffer& buffer : slot.spent) drop(buffer.page);
    }
    drop(std::span<Packet>(slot.packets));
  }
}

void SplitFlight::put(CopyTicket ticket, std::span<Packet> packets, std::vector<SpentBuffer>& spent,
                      const SplitTally& tally) noexcept {
  NETMEM_CHECK(!full() && packets.size() <= kMostPackets, "a flight of %zu batches is given %zu packets more", count_,
               packets.size());
  Slot& slot = slots_[(first_ + count_++) % kMostBatches];
  slot.ticket = ticket;
  slot.ended = false;
  slot.next = 0;
  slot.count = packets.size();
  slot.tally = tally;
  for (std::size_t i = 0; i < packets.size(); ++i) slot.packets[i] = std::move(packets[i]);
  slot.spent.clear();
  slot.spent.swap(spent);
  packets_.add(packets.size());
}

std::optional<SplitFlight::Batch> SplitFlight::poll() noexcept {
  if (count_ == 0 || oldest().ended) return {};
  Slot& slot = oldest();
  const Result<bool> done = engine_.poll(slot.ticket);
  if (done && !*done) return {};
  slot.ended = true;
  return Batch{.packets = std::span(slot.packets).first(slot.count),
               .tally = slot.tally,
               .spent = slot.spent,
               .well = done.has_value()};
}

std::size_t SplitFlight::take(std::span<Packet> out) noexcept {
  if (!landed()) return 0;
  Slot& slot = oldest();
  std::size_t taken = 0;
  std::size_t gone = 0;
  for (; slot.next < slot.count && taken < out.size(); ++slot.next, ++gone)
    if (slot.packets[slot.next]) out[taken++] = std::move(slot.packets[slot.next]);
  packets_.set(packets_.mine() - gone);
  if (slot.next == slot.count) {
    first_ = (first_ + 1) % kMostBatches;
    --count_;
  }
  return taken;
}

// At the end nobody asks whether it went well.
void SplitFlight::wait(const Slot& slot) noexcept {
  [[maybe_unused]] const Result<void> nobody_asks = engine_.wait(slot.ticket);
}

}  // namespace netmem
