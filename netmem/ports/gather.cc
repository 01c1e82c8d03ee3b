#include "netmem/ports/gather.h"

#include <algorithm>
#include <cstring>

#include "netmem/core/memory_provider.h"

namespace netmem {

Gather::Gather(XdpFrames& frames) : frames_(frames) {
  jobs_.reserve(kMostPackets);
  copies_.reserve(kMostPackets * (kMostFrames + Packet::kMostPayloads + 1));
}

bool Gather::add(Packet& packet) noexcept {
  std::array<Part, kMostFrames> room;
  const std::uint32_t chunk = frames_.chunk();
  std::uint32_t left = packet.size();
  const std::span<Part> to = std::span(room).first((left + chunk - 1) / chunk);
  if (const std::size_t got = frames_.try_alloc(to); got != to.size()) {
    for (const Part& frame : to.first(got)) drop(frame.page);
    return false;
  }
  std::uint32_t at = 0;
  const auto add_part = [&](const Part& from) {
    add_bytes(from, to, at);
    at += from.size;
  };
  add_part(packet.header());
  for (const Part& part : packet.payload()) add_part(part);

  Job& job = jobs_.emplace_back(&packet, Packet());
  job.copy.info = packet.info;
  for (Part& frame : to) {
    frame.size = std::min(left, chunk);
    left -= frame.size;
    &frame == &to.front() ? job.copy.set_header(frame) : job.copy.add_payload(frame);
  }
  return true;
}

// The bytes go to `at`, counted through all the frames.
void Gather::add_bytes(const Part& from, std::span<const Part> frames, std::uint32_t at) noexcept {
  const std::uint32_t chunk = frames_.chunk();
  for (std::uint32_t done = 0; done != from.size;) {
    const Part& frame = frames[(at + done) / chunk];
    const std::uint32_t begin = (at + done) % chunk;
    const std::uint32_t piece = std::min(from.size - done, chunk - begin);
    std::byte* const to = frames_.bytes(frame) + begin;
    if (from.page.is_device()) {
      copies_.push_back({{to, piece}, from.page, from.offset + done});
    } else {
      std::memcpy(to, Page(from.page).address() + from.offset + done, piece);
    }
    done += piece;
  }
}

// One batch for each run of pages that the same engine reaches.
bool Gather::copy_out_of_devices() noexcept {
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

std::size_t Gather::copy() noexcept {
  const std::size_t lost = copy_out_of_devices() ? 0 : jobs_.size();
  for (Job& job : jobs_) {
    if (lost != 0) job.copy.reset();
    *job.packet = std::move(job.copy);
  }
  copies_.clear();
  jobs_.clear();
  return lost;
}

}  // namespace netmem
