#include "netmem/ports/xdp/queue.h"

#include <time.h>

#include <algorithm>
#include <string>

namespace netmem {
namespace {

constexpr std::uint32_t kEthernetHeader = 14;
// Frames whose headers are on their way to the cache; pages of 4 KiB put them all in the same few sets.
constexpr std::uint32_t kPrefetched = 6;

std::uint64_t realtime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

void drop_pages(std::span<const Part> parts) {
  for (const Part& part : parts) drop(part.page);
}

// Makes of a packet's references one for each descriptor; both are in the packet's order. There are fewer references
// where header and payload share one, or a part spans chunks, and more where parts are empty or make one range.
void hand_over(std::span<const Part> parts, std::span<const Netmem> held) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Netmem page = parts[i].page;
    const bool again = i != 0 && parts[i - 1].page == page;
    while (!again && held[next] != page) drop(held[next++]);
    if (next < held.size() && held[next] == page) {
      ++next;
    } else {
      retain(page);
    }
  }
  for (; next < held.size(); ++next) drop(held[next]);
}

// Made in its place: of emplace() into an empty std::optional, g++ 14 warns that it destroys what was never there.
std::optional<HeaderSplit> split_into(PagePool* payload) {
  return payload == nullptr ? std::optional<HeaderSplit>() : std::optional<HeaderSplit>(std::in_place, *payload);
}

}  // namespace

XdpQueue::XdpQueue(PagePool& frames, XdpRings rings, const XdpQueueOptions& options)
    : frames_(frames, options.chunk),
      linearizer_(frames_),
      split_(split_into(options.payload)),
      options_(options),
      many_missing_(std::max<std::uint32_t>(options.most_posted / 4, 1)),
      least_missing_(std::min<std::uint32_t>(many_missing_, kBatch)),
      fill_(rings.fill),
      completion_(rings.completion),
      receive_(rings.receive),
      transmit_(rings.transmit) {
  if (options.payload != nullptr) {
    flight_.emplace(options.payload->provider().copy_engine());
    spent_.reserve(SplitFlight::kMostSpent);
    page_each_ = options.payload->page_size() == options.chunk;
  }
  arrived_.interface = options.interface;
  arrived_.queue = options.queue;
}

XdpQueue::~XdpQueue() { frames_.take_all_home(); }

// ---- receiving ----

std::size_t XdpQueue::receive(std::span<Packet> out) noexcept {
  if (sending_.mine() != 0) complete();
  std::size_t count = land(out);
  post(least_missing_);
  const std::size_t wanted = std::min(out.size(), kBatch);
  std::uint32_t ready = receive_.available(waiting_ ? ~0U : static_cast<std::uint32_t>(wanted));
  if (ready != 0 && count < out.size()) {
    arrived_.received_ns = realtime_ns();
    for (std::uint32_t before = 0;
         ready != 0 && ready != before && count < out.size() && !(flight_ && flight_->full());) {
      before = ready;
      count += receive_batch(out.subspan(count, std::min(out.size() - count, kBatch)), ready);
    }
    count += land(out.subspan(count));
  }
  // Fewer can wait: what was received may be sent back, and posted again from there.
  post(many_missing_);
  return count;
}

// Takes what was used away from `ready`.
std::size_t XdpQueue::receive_batch(std::span<Packet> out, std::uint32_t& ready) noexcept {
  std::size_t count = 0;
  std::uint32_t used = 0;
  waiting_ = false;
  if ((receive_.entry(0).options & kXdpContinues) == 0)
    for (std::uint32_t i = 0; i < std::min(kPrefetched, ready); ++i) frames_.prefetch(receive_.entry(i).addr);
  while (count < out.size() && used < ready) {
    const xdp_desc buffer = receive_.entry(used);
    if ((buffer.options & kXdpContinues) != 0 || discarding_) [[unlikely]] {
      count += receive_scattered(out.subspan(count), used, ready);
      if (waiting_) break;
      continue;
    }
    if (used + kPrefetched < ready) frames_.prefetch(receive_.entry(used + kPrefetched).addr);
    deliver_single(buffer, out[count]);
    ++used;
    if (out[count]) ++count;
  }
  receive_.release(used);
  taken_ += used;
  posted_.set(posted_.mine() - used);
  ready -= used;
  if (split_)
    count = finish_split(out.first(count));
  else
    count_batch(tally_);
  tally_ = {};
  return count;
}

// What is known of a frame before its bytes are moved; whether its headers were found.
[[gnu::always_inline]] inline bool XdpQueue::look_at(std::span<const std::byte> first, std::uint32_t size,
                                                     PacketInfo& info) noexcept {
  info = arrived_;
  info.layout = parse_headers(first, size);
  if (info.layout.unsplit == Unsplit::none) [[likely]]
    return true;
  info.checksum = Checksum::none;
  counts_.unsplit[static_cast<std::size_t>(info.layout.unsplit)].add(1);
  return false;
}

// Fills the packet, or drops the frame and counts it: a frame of one buffer.
[[gnu::always_inline]] inline void XdpQueue::deliver_single(const xdp_desc& buffer, Packet& packet) noexcept {
  const Part whole = frames_.take_received(buffer.addr, buffer.len);
  frames_.prefetch_drop(whole.page);
  const std::span<const std::byte> bytes(frames_.at(buffer.addr), buffer.len);
  const bool headers = look_at(bytes, buffer.len, packet.info);
  const HeaderLayout& layout = packet.info.layout;
  if (!headers || layout.payload_size == 0) [[unlikely]] {
    packet.set_header({whole.page, whole.offset, headers ? layout.payload : whole.size});
  } else if (split_) {
    packet.set_header({whole.page, whole.offset, layout.payload});
    return finish_deliver_split(split_->add(packet, bytes.subspan(layout.payload, layout.payload_size)), whole.size,
                                packet);
  } else {
    packet.set_joined({whole.page, whole.offset, layout.payload + layout.payload_size}, layout.payload);
  }
  ++tally_.packets;
  tally_.bytes += whole.size;
}

// Frames of several buffers, as long as there are no others: how many packets. `used` moves on.
std::size_t XdpQueue::receive_scattered(std::span<Packet> out, std::uint32_t& used, std::uint32_t ready) noexcept {
  std::size_t count = 0;
  std::uint32_t at = used;
  std::uint32_t ahead = used;
  do {
    const Extent extent = measure(at, ready);
    waiting_ = !extent.whole && !discarding_ && extent.buffers < kMostBuffers;
    if (waiting_) break;
    // As if all frames had as many.
    for (const std::uint32_t end = std::min(ready, at + kPrefetched * extent.buffers); ahead < end;
         ahead += extent.buffers)
      frames_.prefetch_bytes(receive_.entry(ahead).addr);
    deliver_scattered(at, extent, out[count]);
    at += extent.buffers;
    if (out[count]) ++count;
  } while (count < out.size() && at < ready && (discarding_ || (receive_.entry(at).options & kXdpContinues) != 0));
  used = at;
  return count;
}

// The frame that begins at an entry, as far as it is there, or fits a packet.
inline XdpQueue::Extent XdpQueue::measure(std::uint32_t at, std::uint32_t ready) const noexcept {
  const std::uint32_t most = std::min<std::uint32_t>(kMostBuffers, ready - at);
  std::uint32_t size = 0;
  for (std::uint32_t i = 0; i < most; ++i) {
    const xdp_desc& buffer = receive_.entry(at + i);
    frames_.prefetch_book(buffer.addr);
    size += buffer.len;
    if ((buffer.options & kXdpContinues) == 0) return {i + 1, size, true};
  }
  return {most, size, false};
}

inline Part XdpQueue::take(std::uint32_t at) noexcept {
  const xdp_desc& buffer = receive_.entry(at);
  const Part part = frames_.take_received(buffer.addr, buffer.len);
  frames_.prefetch_drop(part.page);
  return part;
}

inline SpentBuffer XdpQueue::take_spent(std::uint32_t at) noexcept {
  const xdp_desc& buffer = receive_.entry(at);
  return {frames_.take_received(buffer.addr, buffer.len).page, buffer.addr};
}

XdpQueue::Frame XdpQueue::take_rest(const Part& first, std::uint32_t at, std::uint32_t buffers) noexcept {
  buffers_[0] = first;
  for (std::uint32_t i = 1; i < buffers; ++i) buffers_[i] = take(at + i);
  return std::span(buffers_).first(buffers);
}

// Fills the packet, or drops the frame and counts it: a frame of several buffers.
[[gnu::always_inline]] inline void XdpQueue::deliver_scattered(std::uint32_t at, const Extent& extent,
                                                               Packet& packet) noexcept {
  const Part first = take(at);
  if (!extent.whole || discarding_) [[unlikely]] {
    if (!discarding_) counts_.too_many_buffers.add(1);
    discarding_ = !extent.whole;
    return drop_pages(take_rest(first, at, extent.buffers));
  }
  const bool headers = look_at({frames_.at(receive_.entry(at).addr), first.size}, extent.size, packet.info);
  const HeaderLayout& layout = packet.info.layout;
  const bool padded = layout.payload + layout.payload_size != extent.size;
  const bool usual = layout.payload < first.size && !padded && extent.buffers < kMostBuffers;
  if (headers && split_ && layout.payload_size != 0) {
    return usual && page_each_ && layout.payload_size > options_.chunk ? deliver_split_each(first, at, extent, packet)
                                                                       : deliver_split(first, at, extent, packet);
  } else if (headers && usual) [[likely]] {
    packet.set_joined(first, layout.payload);
    packet.add_payloads(extent.buffers - 1, [this, at](std::uint32_t i) { return take(at + 1 + i); });
  } else {
    const Frame frame = take_rest(first, at, extent.buffers);
    headers ? deliver_joined(frame, packet) : deliver_whole(frame, packet);
    if (!packet) return;
  }
  ++tally_.packets;
  tally_.bytes += extent.size;
}

void XdpQueue::deliver_whole(Frame frame, Packet& packet) noexcept {
  packet.set_header(frame[0]);
  for (const Part& buffer : frame.subspan(1)) packet.add_payload(buffer);
}

void XdpQueue::deliver_joined(Frame frame, Packet& packet) noexcept {
  const HeaderLayout& layout = packet.info.layout;
  const Part& first = frame[0];
  std::uint32_t left = layout.payload_size;
  const std::uint32_t joined = std::min(left, first.size - layout.payload);
  left -= joined;
  if (frame.size() + (joined != 0 ? 1 : 0) > Packet::kMostPayloads + 1) {
    counts_.too_many_buffers.add(1);
    return drop_pages(frame);
  }
  packet.set_header({first.page, first.offset, layout.payload});
  if (joined != 0) packet.join_payload({first.page, first.offset + layout.payload, joined});
  for (const Part& buffer : frame.subspan(1)) {
    if (left == 0) {  // nothing but padding
      drop(buffer.page);
      continue;
    }
    const std::uint32_t size = std::min(left, buffer.size);
    packet.add_payload({buffer.page, buffer.offset, size});
    left -= size;
  }
}

// A page for each buffer. REQUIRES: each buffer has payload, and nothing behind it.
void XdpQueue::deliver_split_each(const Part& first, std::uint32_t at, const Extent& extent, Packet& packet) noexcept {
  const std::uint32_t header = packet.info.layout.payload;
  packet.set_header({first.page, first.offset, header});
  const bool added = split_->add_each(packet, extent.buffers, [&](std::uint32_t i) {
    const xdp_desc& buffer = receive_.entry(at + i);
    const std::span bytes(frames_.at(buffer.addr), buffer.len);
    if (i == 0) return bytes.subspan(header);
    spent_.push_back(take_spent(at + i));
    return bytes;
  });
  if (!added) [[unlikely]]
    drop_spent(extent.buffers - 1);
  finish_deliver_split(added, extent.size, packet);
}

void XdpQueue::deliver_split(const Part& first, std::uint32_t at, const Extent& extent, Packet& packet) noexcept {
  const HeaderLayout& layout = packet.info.layout;
  packet.set_header({first.page, first.offset, layout.payload});
  const bool added = split_->add_room(packet, layout.payload_size);
  std::uint32_t left = layout.payload_size;
  HeaderSplit::Filled filled;
  for (std::uint32_t i = 0; i < extent.buffers; ++i) {
    const xdp_desc& buffer = receive_.entry(at + i);
    const std::uint32_t skipped = i == 0 ? layout.payload : 0;
    const std::uint32_t piece = std::min(left, buffer.len - skipped);
    left -= piece;
    if (i != 0) spent_.push_back(take_spent(at + i));
    if (added && piece != 0) filled = split_->fill(packet, filled, {frames_.at(buffer.addr) + skipped, piece});
  }
  if (!added) [[unlikely]]
    drop_spent(extent.buffers - 1);
  finish_deliver_split(added, extent.size, packet);
}

// The last ones, which no copy reads.
void XdpQueue::drop_spent(std::uint32_t count) noexcept {
  for (; count != 0; --count, spent_.pop_back()) drop(spent_.back().page);
}

void XdpQueue::finish_deliver_split(bool added, std::uint32_t frame_size, Packet& packet) noexcept {
  if (!added) [[unlikely]] {
    counts_.no_device_page.add(1);
    return packet.reset();
  }
  ++tally_.split_packets;
  tally_.split_frame_bytes += frame_size;
  tally_.split_bytes += packet.info.layout.payload_size;
}

void XdpQueue::count_batch(const SplitTally& tally) noexcept {
  counts_.received.add(tally.packets + tally.split_packets);
  counts_.received_bytes.add(tally.bytes + tally.split_frame_bytes);
  if (tally.split_bytes != 0) counts_.split_bytes.add(tally.split_bytes);
}

// Has the payloads copied. How many packets are left at the front; those that wait for their payload, or for packets
// before them, are not.
std::size_t XdpQueue::finish_split(std::span<Packet> packets) noexcept {
  const std::optional<CopyTicket> ticket = split_->begin();
  if (!ticket) [[unlikely]]
    packets = packets.first(keep_unsplit(packets, tally_));
  if (ticket.value_or(CopyTicket::done) == CopyTicket::done) {
    put_back(spent_);
    spent_.clear();
    if (flight_->empty()) [[likely]] {
      count_batch(tally_);
      return packets.size();
    }
  }
  flight_->put(ticket.value_or(CopyTicket::done), packets, spent_, tally_);
  return 0;
}

// Buffers that nobody else has had need not go by way of the pool.
void XdpQueue::put_back(std::span<const SpentBuffer> buffers) noexcept {
  if (buffers.empty()) return;
  const std::uint32_t missing = options_.most_posted - static_cast<std::uint32_t>(posted_.mine());
  const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(buffers.size(), missing));
  const std::uint32_t posted = std::min(wanted, fill_.room(wanted));
  fill_.prefetch(posted);
  for (const SpentBuffer& buffer : buffers.first(posted)) frames_.post_again(fill_, buffer.page, buffer.address);
  show_posted(posted);
  for (const SpentBuffer& buffer : buffers.subspan(posted)) drop(buffer.page);
}

// The copy failed: packets whose payload it was are dropped. How many are left, at the front.
std::size_t XdpQueue::keep_unsplit(std::span<Packet> packets, SplitTally& tally) noexcept {
  counts_.payload_copy_failed.add(tally.split_packets);
  tally = {.packets = tally.packets, .bytes = tally.bytes};
  std::size_t kept = 0;
  for (Packet& packet : packets) {
    if (packet.info.layout.payload_size != 0) {
      packet.reset();
    } else if (&packets[kept++] != &packet) {
      packets[kept - 1] = std::move(packet);
    }
  }
  return kept;
}

// Fills the front of `out` with packets whose payload has landed, in order; how many.
std::size_t XdpQueue::land(std::span<Packet> out) noexcept {
  std::size_t count = 0;
  while (flight_ && !flight_->empty() && count < out.size()) {
    if (std::optional<SplitFlight::Batch> batch = flight_->poll()) {
      if (!batch->well) keep_unsplit(batch->packets, batch->tally);
      count_batch(batch->tally);
      put_back(batch->spent);
    }
    if (!flight_->landed()) break;
    count += flight_->take(out.subspan(count));
  }
  return count;
}

void XdpQueue::post(std::uint32_t least) noexcept {
  const std::uint32_t missing = options_.most_posted - static_cast<std::uint32_t>(posted_.mine());
  if (missing < least) {
    starved_ = false;
    return;
  }
  const std::uint32_t wanted = std::min(missing, fill_.room(missing));
  const auto given = static_cast<std::uint32_t>(frames_.post(fill_, wanted));
  show_posted(given);
  if (given < wanted && !starved_) counts_.starved.add(1);
  starved_ = given < wanted;
}

void XdpQueue::show_posted(std::uint32_t count) noexcept {
  fill_.publish();
  posted_.add(count);
}

// ---- sending ----

// Where a packet's bytes lie, in pieces that each fit a descriptor.
struct XdpQueue::Ranges {
  std::array<Part, kMostBuffers> parts;
  std::uint32_t count = 0;
  std::uint32_t bytes = 0;

  // False: there are too many.
  [[nodiscard]] bool add(Part part, std::uint32_t chunk) {
    while (part.size != 0) {
      if (count != 0 && follows(parts[count - 1], part, chunk)) {
        const std::uint32_t room = chunk - ((parts[count - 1].offset + parts[count - 1].size) & (chunk - 1));
        const std::uint32_t more = std::min(room, part.size);
        parts[count - 1].size += more;
        part.offset += more;
        part.size -= more;
        continue;
      }
      if (count == parts.size()) return false;
      const std::uint32_t size = std::min(part.size, chunk - (part.offset & (chunk - 1)));
      parts[count++] = {part.page, part.offset, size};
      part.offset += size;
      part.size -= size;
    }
    return true;
  }

 private:
  static bool follows(const Part& before, const Part& part, std::uint32_t chunk) {
    return before.page == part.page && before.offset + before.size == part.offset && (part.offset & (chunk - 1)) != 0;
  }
};

// The usual packet is one range of one chunk.
bool XdpQueue::is_one_range(const Packet& packet, Part& range) const noexcept {
  range = packet.header();
  if (!range.page) return false;
  const std::span<const Part> payload = packet.payload();
  if (!payload.empty()) {
    const bool follows = payload[0].page == range.page && payload[0].offset == range.offset + range.size;
    if (payload.size() != 1 || !follows) return false;
    range.size += payload[0].size;
  }
  const std::uint32_t chunk = frames_.chunk();
  return range.size >= kEthernetHeader && range.size <= options_.most_frame &&
         (range.offset & (chunk - 1)) + range.size <= chunk && frames_.has(range.page);
}

XdpQueue::Way XdpQueue::way_of(const Packet& packet, Ranges& ranges) const noexcept {
  if (is_one_range(packet, ranges.parts[0])) [[likely]] {
    ranges.count = 1;
    ranges.bytes = ranges.parts[0].size;
    return Way::as_it_is;
  }
  if (!packet) return Way::empty;
  ranges.count = 0;
  ranges.bytes = packet.size();
  const std::uint32_t chunk = frames_.chunk();
  const std::uint32_t most_parts =
      options_.multi_buffer ? std::min<std::uint32_t>(options_.most_parts, kMostBuffers) : 1;
  if (ranges.bytes < kEthernetHeader) return Way::too_small;
  if (ranges.bytes > std::min(options_.most_frame, most_parts * chunk)) return Way::too_large;
  const auto add = [&](const Part& part) {
    return part.size == 0 || (frames_.has(part.page) && ranges.add(part, chunk) && ranges.count <= most_parts);
  };
  const bool fits = add(packet.header()) && std::ranges::all_of(packet.payload(), add);
  return fits ? Way::as_it_is : Way::copied;
}

std::size_t XdpQueue::transmit(std::span<Packet> packets) noexcept {
  complete();
  std::size_t done = 0;
  while (done < packets.size()) {
    const std::span<Packet> batch = packets.subspan(done, std::min(packets.size() - done, kBatch));
    const std::size_t taken = transmit_batch(batch);
    done += taken;
    if (taken < batch.size()) break;
  }
  return done;
}

std::size_t XdpQueue::transmit_batch(std::span<Packet> packets) noexcept {
  std::size_t done = 0;
  while (done < packets.size()) {
    done += enqueue_usual(packets.subspan(done));
    if (done == packets.size() || !enqueue_any(packets.subspan(done))) break;
    ++done;
  }
  transmit_.publish();
  return done;
}

// Packets of one range on one reference, until there is another; how many.
std::size_t XdpQueue::enqueue_usual(std::span<Packet> packets) noexcept {
  const std::size_t most =
      std::min<std::size_t>(transmit_.room(static_cast<std::uint32_t>(packets.size())), packets.size());
  std::size_t done = 0;
  std::uint64_t bytes = 0;
  for (Part range; done < most; ++done) {
    Packet& packet = packets[done];
    if (!packet.stands_on_one() || !is_one_range(packet, range) || !frames_.may_send(range)) [[unlikely]]
      break;
    transmit_.put({frames_.sent_on_one(range), range.size, 0});
    packet.release_one();
    bytes += range.size;
  }
  if (done == 0) return 0;
  sending_.add(done);
  counts_.transmitted.add(done);
  counts_.transmitted_bytes.add(bytes);
  return done;
}

// Sends or drops the first of `packets`, and may move the bytes of those behind it. False: it has to wait.
bool XdpQueue::enqueue_any(std::span<Packet> packets) noexcept {
  Packet& packet = packets.front();
  Ranges ranges;
  Way way = way_of(packet, ranges);
  if (way == Way::copied) {
    linearize(packets);
    way = way_of(packet, ranges);
  }
  switch (way) {
    case Way::empty:
      return true;
    case Way::too_large:
    case Way::too_small:
      (way == Way::too_large ? counts_.too_large_to_send : counts_.too_small_to_send).add(1);
      packet.reset();
      return true;
    case Way::copied:
      counts_.no_frame_to_send_from.add(1);
      return false;
    case Way::as_it_is:
      break;
  }
  if (enqueue(packet, ranges)) return true;
  counts_.tx_ring_full.add(1);
  return false;
}

// Puts those together that cannot be sent as they are, as far as the ring and the pool have room.
void XdpQueue::linearize(std::span<Packet> packets) noexcept {
  Ranges ranges;
  std::uint64_t added = 0;
  const std::size_t room = transmit_.room(static_cast<std::uint32_t>(packets.size()));
  for (Packet& packet : packets.first(std::min(packets.size(), room))) {
    if (way_of(packet, ranges) != Way::copied) continue;
    if (!linearizer_.add(packet)) break;
    ++added;
  }
  (linearizer_.copy() ? counts_.copied_to_send : counts_.send_copy_failed).add(added);
}

// The packet's references become the descriptors'. False, and nothing done: the ring has no room.
bool XdpQueue::enqueue(Packet& packet, const Ranges& ranges) noexcept {
  const std::span<const Part> parts = std::span(ranges.parts).first(ranges.count);
  if (transmit_.room(ranges.count) < ranges.count) return false;
  if (!std::ranges::all_of(parts, [&](const Part& part) { return frames_.may_send(part); })) return false;
  std::array<Netmem, kMostBuffers> held;
  const std::size_t count = packet.release(held);
  for (const Part& part : parts) {
    const bool last = &part == &parts.back();
    transmit_.put({frames_.sent(part), part.size, last ? 0 : kXdpContinues});
  }
  if (count != 1 || parts.size() != 1) hand_over(parts, std::span<const Netmem>(held).first(count));
  sending_.add(parts.size());
  counts_.transmitted.add(1);
  counts_.transmitted_bytes.add(ranges.bytes);
  return true;
}

void XdpQueue::complete() noexcept {
  for (std::uint32_t left = completion_.available(kBatch); left != 0;) {
    const std::uint32_t count = std::min<std::uint32_t>(left, kBatch);
    complete_batch(count);
    left -= count;
  }
}

// Pages go home, or straight to where post() would put them.
void XdpQueue::complete_batch(std::uint32_t count) noexcept {
  std::size_t home = 0;
  const std::uint32_t missing = options_.most_posted - static_cast<std::uint32_t>(posted_.mine());
  const std::uint32_t most = std::min(missing, fill_.room(count));
  std::uint32_t posted = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t address = completion_.entry(i);
    const auto [page, alone] = frames_.take_sent(address);
    if (alone && posted < most) {
      frames_.post_again(fill_, page, address);
      ++posted;
    } else {
      going_home_[home++] = page;
    }
  }
  completion_.release(count);
  sending_.set(sending_.mine() - count);
  show_posted(posted);
  if (home != 0) drop(std::span<const Netmem>(going_home_).first(home));
}

// ---- reports ----

std::vector<Counter> XdpQueue::counters() const {
  const auto of = [](const SingleWriter<std::uint64_t>& count) { return count.read(); };
  std::vector<Counter> all = {{"received", of(counts_.received)}, {"received_bytes", of(counts_.received_bytes)}};
  const std::size_t unsplit = all.size();
  all.push_back({"unsplit", 0});
  for (std::size_t i = 1; i < kUnsplitReasons; ++i) {
    all.push_back({std::string("unsplit_") + name_of(static_cast<Unsplit>(i)), of(counts_.unsplit[i])});
    all[unsplit].value += all.back().value;
  }
  const Counter rest[] = {{"split_bytes", of(counts_.split_bytes)},
                          {"copying", copying()},
                          {"no_device_page", of(counts_.no_device_page)},
                          {"payload_copy_failed", of(counts_.payload_copy_failed)},
                          {"too_many_buffers", of(counts_.too_many_buffers)},
                          {"posted", posted()},
                          {"starved", of(counts_.starved)},
                          {"transmitted", of(counts_.transmitted)},
                          {"transmitted_bytes", of(counts_.transmitted_bytes)},
                          {"sending", sending()},
                          {"copied_to_send", of(counts_.copied_to_send)},
                          {"too_large_to_send", of(counts_.too_large_to_send)},
                          {"too_small_to_send", of(counts_.too_small_to_send)},
                          {"send_copy_failed", of(counts_.send_copy_failed)},
                          {"no_frame_to_send_from", of(counts_.no_frame_to_send_from)},
                          {"tx_ring_full", of(counts_.tx_ring_full)}};
  all.insert(all.end(), std::begin(rest), std::end(rest));
  return all;
}

}  // namespace netmem
