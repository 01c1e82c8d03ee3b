#include "netmem/packet/packet.h"

#include <algorithm>

namespace netmem {
namespace {

// Pages on their way home, dropped together when the array is full.
class Outgoing {
 public:
  Outgoing() {}  // NOLINT(modernize-use-equals-default): leaves the pages as they are
  ~Outgoing() { go(); }
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  // Room for `count` more, at most Packet::kMostPayloads.
  Netmem* room(std::size_t count) noexcept {
    if (count_ + count > kMost) go();
    return pages_ + count_;
  }
  void add(Netmem page) noexcept {
    *room(1) = page;
    ++count_;
  }
  void added(std::size_t count) noexcept { count_ += count; }
  // Takes what is in `others` over, if there is room.
  void append(Outgoing& others) noexcept {
    if (count_ + others.count_ > kMost) return;
    std::copy_n(others.pages_, others.count_, pages_ + count_);
    count_ += std::exchange(others.count_, 0);
  }

 private:
  static constexpr std::size_t kMost = 128;

  void go() noexcept {
    drop(std::span<const Netmem>(pages_, count_));
    count_ = 0;
  }

  std::size_t count_ = 0;
  union {
    Netmem pages_[kMost];  // NOLINT(readability-identifier-naming)
  };
};

}  // namespace

std::size_t Packet::payload_pages(Netmem* pages) const noexcept {
  std::size_t count = 0;
  for (std::size_t i = joined_ ? 1 : 0; i < payloads_; ++i)
    if (payload_[i].page) pages[count++] = payload_[i].page;
  return count;
}

void Packet::reset_parts() noexcept {
  std::array<Netmem, kMostPayloads> pages;
  const std::size_t count = payload_pages(pages.data());
  const Netmem header = header_.page;
  forget();
  if (header) drop(header);
  drop(std::span<const Netmem>(pages.data(), count));
}

View Packet::take_header() {
  if (!header_.page) return {};
  const Part part = std::exchange(header_, {});
  if (std::exchange(joined_, false)) retain(part.page);
  return {Ref(part.page), part.offset, part.size};
}

View Packet::take_payload(std::size_t i) {
  NETMEM_CHECK(i < kMostPayloads, "payload part %zu of a packet, which has at most %zu", i, kMostPayloads);
  if (i >= payloads_ || !payload_[i].page) return {};
  const Part part = std::exchange(payload_[i], {});
  if (i == 0 && std::exchange(joined_, false)) retain(part.page);
  while (payloads_ != 0 && !payload_[payloads_ - 1].page) --payloads_;
  return {Ref(part.page), part.offset, part.size};
}

// Each kind makes runs of its own: with header split headers and payload come from two pools, and the last part of
// several is often a fragment among pages.
void drop(std::span<Packet> packets) noexcept {
  Outgoing headers, payloads, tails;
  for (Packet& packet : packets) {
    if (packet.header_.page)
      headers.add(packet.header_.page);
    else if (packet.payloads_ == 0)
      continue;
    if (packet.payloads_ > (packet.joined_ ? 1 : 0)) {
      Netmem* const pages = payloads.room(Packet::kMostPayloads);
      std::size_t count = packet.payload_pages(pages);
      if (count > 1 && !packet.joined_) tails.add(pages[--count]);
      payloads.added(count);
    }
    packet.forget();
  }
  payloads.append(tails);
}

}  // namespace netmem
