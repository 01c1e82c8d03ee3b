// A received frame, or one to be sent: headers in host memory, and up to 17 payload parts in any memory.
//
//   header:   [ host page: Ethernet .. UDP/TCP ]
//   payload:  [ part ][ part ] ...               net_iovs with header split, host pages without
//
// Without header split the payload begins in the header's page and both stand on one reference, so that dropping such a
// packet costs what dropping a page costs. Unsplit frames have all of their first buffer as header.
//
// Threads: a packet belongs to one thread at a time and may be handed to another; its parts may be taken out, handed on
// and dropped on any thread in any order.
// Invariants:
//  1. The packet holds one reference for its header and one for each payload part, but a joined pair holds one
//  together.
//  2. header() and payload() cover the frame in order, Ethernet's padding excepted: size() bytes. Parts that were taken
//     out are empty.
//  3. A packet that holds nothing is empty; an empty packet holds nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/base/export.h"
#include "netmem/core/page.h"
#include "netmem/core/reference.h"
#include "netmem/packet/headers.h"

namespace netmem {

// Some bytes of a page, without a reference of its own.
struct Part {
  Netmem page;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

// What is known of a checksum of the transport header.
enum class Checksum : std::uint8_t {
  unchecked,  // nobody looked
  good,
  bad,
  none,  // UDP over IPv4 without one, or an unsplit frame
};

struct PacketInfo {
  HeaderLayout layout;
  std::uint32_t interface = 0;    // its index; 0: not from an interface
  std::uint32_t queue = 0;        // of the interface
  std::uint64_t received_ns = 0;  // CLOCK_REALTIME when its batch was taken from the port; 0: not received
  Checksum checksum = Checksum::unchecked;
};
static_assert(sizeof(PacketInfo) == 40);  // a header and the number of payload parts fit into its cache line

class Packet;
// Drops many, with one trip home for each run of pages of one pool. They are empty afterwards.
NETMEM_EXPORT void drop(std::span<Packet> packets) noexcept;

// Begins with a cache line: what every packet has is in the first, the first payload parts are in the second.
class NETMEM_EXPORT alignas(64) Packet {
 public:
  // 64 KiB in 4 KiB pages, and one more where it does not begin with a page; Linux MAX_SKB_FRAGS is 17 as well.
  static constexpr std::size_t kMostPayloads = 17;

  Packet() {}  // NOLINT(modernize-use-equals-default): leaves the payload parts as they are
  Packet(Packet&& other) noexcept { steal(other); }
  Packet& operator=(Packet&& other) noexcept {
    if (this != &other) {
      reset();
      steal(other);
    }
    return *this;
  }
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
  ~Packet() { reset(); }

  // Empty: was never filled, was moved from, was dropped, or all of it was taken out.
  explicit operator bool() const { return header_.page || payloads_ != 0; }

  [[nodiscard]] const Part& header() const { return header_; }
  [[nodiscard]] std::span<const Part> payload() const { return {payload_.data(), payloads_}; }
  // The headers' bytes, to read and to change. REQUIRES: the header was not taken out.
  [[nodiscard]] std::span<std::byte> header_bytes() const {
    return Page(header_.page).bytes().subspan(header_.offset, header_.size);
  }
  [[nodiscard]] std::uint32_t payload_size() const {
    std::uint32_t size = 0;
    for (const Part& part : payload()) size += part.size;
    return size;
  }
  // Bytes of header and payload.
  [[nodiscard]] std::uint32_t size() const { return header_.size + payload_size(); }

  // Stays as it is when the packet is dropped or moved from.
  PacketInfo info;

  // Takes a part out, with a reference of its own. An empty view where there is none, or where it has gone already.
  // payload() keeps its places, but for empty ones at its end. REQUIRES: i < kMostPayloads.
  [[nodiscard]] View take_header();
  [[nodiscard]] View take_payload(std::size_t i);

  // Fills an empty packet; each takes over the caller's reference of the page. REQUIRES: the range is in its page, the
  // header's page is host memory, fewer than kMostPayloads payloads so far.
  void set_header(Part part) {
    NETMEM_CHECK(!header_.page, "a second header, page %u, for a packet that has one", part.page.index());
    header_ = part;
  }
  // A header and payload behind it in the same page, with one reference for both: the usual packet. `whole` is both.
  // REQUIRES: the packet is empty; 0 < header_size <= whole.size.
  void set_joined(const Part& whole, std::uint32_t header_size) {
    NETMEM_CHECK(!header_.page && payloads_ == 0, "a packet with page %u is filled again", whole.page.index());
    header_ = {whole.page, whole.offset, header_size};
    payload_[0] = {whole.page, whole.offset + header_size, whole.size - header_size};
    payloads_ = 1;
    joined_ = true;
  }
  void add_payload(Part part) {
    NETMEM_CHECK(payloads_ < kMostPayloads, "a packet has room for %zu payload parts", kMostPayloads);
    payload_[payloads_++] = part;
  }
  // The same for many: part(i) for each.
  template <class MakePart>
  void add_payloads(std::uint32_t count, MakePart part) {
    NETMEM_CHECK(count <= kMostPayloads - payloads_, "a packet has room for %zu payload parts", kMostPayloads);
    Part* const to = &payload_[payloads_];
    for (std::uint32_t i = 0; i < count; ++i) to[i] = part(i);
    payloads_ = static_cast<std::uint8_t>(payloads_ + count);
  }
  // The same for a payload that lies in the header's page: no reference of its own. REQUIRES: it is the first payload.
  void join_payload(Part part) {
    NETMEM_CHECK(payloads_ == 0 && part.page == header_.page,
                 "payload in page %u joined to a header in another page, or after other payload", part.page.index());
    payload_[0] = part;
    payloads_ = 1;
    joined_ = true;
  }

  // Gives the packet's references up to the caller, who must drop them: the pages, header first, then payload in order;
  // how many. The packet is empty afterwards.
  std::size_t release(std::span<Netmem, kMostPayloads + 1> pages) noexcept {
    std::size_t count = 0;
    if (header_.page) pages[count++] = header_.page;
    if (payloads_ > (joined_ ? 1 : 0)) count += payload_pages(&pages[count]);
    forget();
    return count;
  }

  // All that the packet holds is one reference, that of its header's page.
  [[nodiscard]] bool stands_on_one() const { return header_.page && payloads_ == (joined_ ? 1 : 0); }
  // release() of such a packet.
  Netmem release_one() noexcept {
    const Netmem page = header_.page;
    forget();
    return page;
  }

  // Drops every part, by the cheapest way for each; the packet is empty afterwards.
  void reset() noexcept {
    if (payloads_ > (joined_ ? 1 : 0)) return reset_parts();
    if (!header_.page) return;
    const Netmem page = header_.page;
    forget();
    drop(page);
  }

 private:
  friend void drop(std::span<Packet> packets) noexcept;

  void forget() noexcept {
    header_ = {};
    payloads_ = 0;
    joined_ = false;
  }
  void steal(Packet& other) noexcept {
    info = other.info;
    header_ = other.header_;
    payloads_ = other.payloads_;
    joined_ = other.joined_;
    for (std::size_t i = 0; i < payloads_; ++i) payload_[i] = other.payload_[i];
    other.forget();
  }
  void reset_parts() noexcept;
  // Writes the pages of the payload that the packet holds a reference of; how many.
  std::size_t payload_pages(Netmem* pages) const noexcept;

  Part header_;
  std::uint8_t payloads_ = 0;
  bool joined_ = false;                        // payload_[0] stands on the header's reference, and both are here
  union {                                      // only the first payloads_ are initialised
    std::array<Part, kMostPayloads> payload_;  // NOLINT(readability-identifier-naming)
  };
};

}  // namespace netmem
