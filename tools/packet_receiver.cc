#include "tools/packet_receiver.h"

#include <cstring>

#include "netmem/core/page.h"

namespace netmem::tool {

PacketReceiver::PacketReceiver(const Plan& plan) : plan_(plan) {
  if (plan_.digest == DigestKind::crc32c && plan_.output == nullptr && plan_.capture == nullptr) {
    page_digest_.emplace(plan_.engine);
    return;
  }
  digest_ = make_digest(plan_.digest);
  if (digest_ || plan_.output != nullptr) window_.resize(kWindow);
  if (plan_.capture != nullptr) capture_.emplace(*plan_.capture);
}

Result<void> PacketReceiver::process(XdpPort& /*port*/, std::span<Packet> packets) {
  const std::span<Packet> wanted = packets.first(plan_.quota->claim(packets.size()));
  count(wanted, packets.size() - wanted.size());
  if (page_digest_) return digest_pages(wanted);
  if (window_.empty() && !capture_) return {};
  for (const Packet& packet : wanted)
    if (Result<void> appended = append(packet); !appended) return appended;
  return flush();
}

// The packets are gone when this returns, so nothing stays under way.
Result<void> PacketReceiver::digest_pages(std::span<const Packet> packets) {
  for (const Packet& packet : packets)
    for (const Part& part : packet.payload())
      if (part.size != 0) page_digest_->add(sum_, {part.page, part.offset, part.size});
  return page_digest_->finish();
}

std::string PacketReceiver::digest() {
  if (page_digest_) return sum_.hex();
  return digest_ ? digest_->hex() : "";
}

Result<void> PacketReceiver::append(const Packet& packet) {
  const bool fits = packet.payload_size() <= window_.size() - filled_ || window_.empty();
  if (!fits || (capture_ && !capture_->has_room(packet.size())))
    if (Result<void> flushed = flush(); !flushed) return flushed;
  if (capture_) capture(packet);
  if (window_.empty()) return {};
  std::span<std::byte> room = std::span(window_).subspan(filled_);
  for (const Part& part : packet.payload()) room = copy(part, room);
  filled_ = window_.size() - room.size();
  return {};
}

void PacketReceiver::capture(const Packet& packet) {
  std::span<std::byte> room = capture_->add({packet.info.received_ns, packet.info.queue, packet.size()});
  room = copy(packet.header(), room);
  for (const Part& part : packet.payload()) room = copy(part, room);
}

std::span<std::byte> PacketReceiver::copy(const Part& part, std::span<std::byte> to) {
  if (part.size == 0) return to;
  if (part.page.is_device()) {
    copies_.push_back(CopyOut{to.first(part.size), part.page, part.offset});
  } else {
    std::memcpy(to.data(), Page(part.page).address() + part.offset, part.size);
  }
  return to.subspan(part.size);
}

Result<void> PacketReceiver::flush() {
  if (!copies_.empty()) {
    Result<void> copied = plan_.engine->copy_out(copies_);
    copies_.clear();
    if (!copied) return copied;
  }
  const auto bytes = std::span<const std::byte>(window_).first(filled_);
  filled_ = 0;
  if (digest_) digest_->update(bytes);
  if (plan_.output != nullptr && !bytes.empty())
    if (Result<void> written = plan_.output->write(bytes); !written) return written;
  return capture_ ? capture_->flush() : Result<void>();
}

}  // namespace netmem::tool
