#include "netmem/ports/xdp/linearizer.h"

#include <algorithm>
#include <cstring>

#include "netmem/core/memory_provider.h"

namespace netmem {

Linearizer::Linearizer(XdpFrames& frames) : frames_(frames) {
  jobs_.reserve(kMostPackets);
  copies_.reserve(kMostPackets * (kMostFrames + Packet::kMostPayloads));
  spent_.reserve(kMostPackets * (1 + Packet::kMostPayloads));
}

bool Linearizer::add(Packet& packet) noexcept {
  if (!fits_behind_header(packet)) return add_frames(packet);
  add_behind_header(packet);
  return true;
}

bool Linearizer::fits_behind_header(const Packet& packet) const noexcept {
  const Part& header = packet.header();
  if (header.size == 0 || !frames_.is_sole_frame(header.page)) return false;
  std::uint64_t end = header.offset + header.size;
  for (const Part& part : packet.payload()) {
    if (part.page == header.page && part.offset != end) return false;  // would be overwritten
    end += part.size;
  }
  return end <= frames_.chunk();
}

void Linearizer::add_behind_header(Packet& packet) noexcept {
  Part whole = packet.header();
  for (const Part& part : packet.payload()) {
    if (part.page != whole.page) add_bytes(part, frames_.bytes(whole) + whole.size);
    whole.size += part.size;
  }
  jobs_.emplace_back(&packet, whole, Packet());
}

bool Linearizer::add_frames(Packet& packet) noexcept {
  std::array<Part, kMostFrames> room;
  const std::uint32_t chunk = frames_.chunk();
  std::uint32_t left = packet.size();
  const std::span<Part> to = std::span(room).first((left + chunk - 1) / chunk);
  if (const std::size_t got = frames_.try_alloc(to); got != to.size()) {
    for (const Part& frame : to.first(got)) drop(frame.page);
    return false;
  }
  std::uint32_t at = 0;  // counted through all the frames
  const auto add_part = [&](Part part) {
    while (part.size != 0) {
      const std::uint32_t piece = std::min(part.size, chunk - at % chunk);
      add_bytes({part.page, part.offset, piece}, frames_.bytes(to[at / chunk]) + at % chunk);
      part.offset += piece;
      part.size -= piece;
      at += piece;
    }
  };
  add_part(packet.header());
  for (const Part& part : packet.payload()) add_part(part);

  Job& job = jobs_.emplace_back(&packet, Part(), Packet());
  job.copy.info = packet.info;
  for (Part& frame : to) {
    frame.size = std::min(left, chunk);
    left -= frame.size;
    &frame == &to.front() ? job.copy.set_header(frame) : job.copy.add_payload(frame);
  }
  return true;
}

void Linearizer::add_bytes(const Part& from, std::byte* to) noexcept {
  if (from.size == 0) return;
  if (from.page.is_device()) {
    copies_.push_back({{to, from.size}, from.page, from.offset});
  } else {
    std::memcpy(to, Page(from.page).address() + from.offset, from.size);
  }
}

// One batch for each run of pages that the same engine reaches.
bool Linearizer::copy_out_of_devices() noexcept {
  const auto engine_of = [](const CopyOut& copy) { return &copy.from.region().provider().copy_engine(); };
  for (std::span<const CopyOut> rest = copies_; !rest.empty();) {
    CopyEngine* const engine = engine_of(rest.front());
    std::size_t run = 1;
    while (run < rest.size() && engine_of(rest[run]) == engine) ++run;
    if (!engine->copy_out(rest.first(run))) return false;
    rest = rest.subspan(run);
  }
  return true;
}

bool Linearizer::copy() noexcept {
  const bool copied = copy_out_of_devices();
  for (Job& job : jobs_) {
    if (copied) {
      finish(job);
    } else {
      job.packet->reset();
    }
  }
  drop(std::span<const Netmem>(spent_));
  spent_.clear();
  copies_.clear();
  jobs_.clear();
  return copied;
}

void Linearizer::finish(Job& job) noexcept {
  std::array<Netmem, Packet::kMostPayloads + 1> pages;
  const std::span<const Netmem> held = std::span(pages).first(job.packet->release(pages));
  const std::size_t kept = job.copy ? 0 : 1;  // the header's
  spent_.insert(spent_.end(), held.begin() + static_cast<std::ptrdiff_t>(kept), held.end());
  if (job.copy) {
    *job.packet = std::move(job.copy);
  } else {
    job.packet->set_header(job.whole);
  }
}

}  // namespace netmem
