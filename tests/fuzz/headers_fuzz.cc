// Frames: what the parser says is inside the frame and in order, and stays the same however little of the frame the
// first buffer holds, with another tag in front, and with padding behind. The short way for the usual frame says the
// same as the long one.

#include <algorithm>
#include <vector>

#include "netmem/base/check.h"
#include "netmem/packet/headers.h"

namespace {

using netmem::HeaderLayout;
using netmem::Unsplit;

constexpr std::size_t kMostCuts = 160;  // bytes of a frame's front that are all tried as the first buffer's end

// The first `size` bytes in a block of exactly that size: AddressSanitizer sees a look beyond.
HeaderLayout parse(const std::uint8_t* data, std::size_t size, std::size_t frame_size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> first(bytes, bytes + size);
  const HeaderLayout layout = netmem::parse_headers(first, frame_size);
  NETMEM_CHECK(layout == netmem::parse_any_headers(first, frame_size), "the short way says %s",
               name_of(layout.unsplit));
  return layout;
}

void check_layout(const HeaderLayout& layout, std::size_t size) {
  NETMEM_CHECK(static_cast<std::size_t>(layout.unsplit) < netmem::kUnsplitReasons, "reason %u",
               static_cast<unsigned>(layout.unsplit));
  NETMEM_CHECK(layout.vlan_tags <= HeaderLayout::kMostTags, "%u tags", layout.vlan_tags);
  if (layout.ip_version == 0) {
    NETMEM_CHECK(layout.network == 0 && layout.protocol == 0, "no IP at %u", layout.network);
  } else {
    NETMEM_CHECK(layout.network == 14 + 4 * layout.vlan_tags, "IP at %u behind %u tags", layout.network,
                 layout.vlan_tags);
  }
  if (layout.unsplit != Unsplit::none) {
    NETMEM_CHECK(layout.transport == 0 && layout.payload == 0 && layout.payload_size == 0, "unsplit, with payload");
    return;
  }
  NETMEM_CHECK(layout.protocol == 6 || layout.protocol == 17, "split, with protocol %u", layout.protocol);
  const unsigned ip = layout.ip_version == 4 ? 20 : 40;
  const unsigned least = layout.protocol == 6 ? 20 : 8;
  NETMEM_CHECK(layout.transport >= layout.network + ip && layout.payload >= layout.transport + least,
               "headers at %u, %u, %u", layout.network, layout.transport, layout.payload);
  NETMEM_CHECK(layout.payload + std::size_t{layout.payload_size} <= size, "payload of %u at %u in a frame of %zu",
               layout.payload_size, layout.payload, size);
}

// `first` bytes in the first buffer, of the whole frame and of a frame that ends there.
void check_cut(const std::uint8_t* data, std::size_t size, std::size_t first, const HeaderLayout& whole) {
  const HeaderLayout layout = parse(data, first, size);
  const bool enough = whole.unsplit == Unsplit::none && first >= whole.payload;
  NETMEM_CHECK(layout == whole || (!enough && layout.unsplit == Unsplit::headers_not_in_first_buffer),
               "%s with all of the frame, %s with its first %zu bytes", name_of(whole.unsplit), name_of(layout.unsplit),
               first);
  check_layout(layout, size);
  const HeaderLayout shorter = parse(data, first, first);
  NETMEM_CHECK(shorter.unsplit != Unsplit::headers_not_in_first_buffer, "no second buffer");
  NETMEM_CHECK(shorter.unsplit != Unsplit::none || shorter == whole, "split at %zu, and %s whole", first,
               name_of(whole.unsplit));
  check_layout(shorter, first);
}

void check_tagged(const std::uint8_t* data, std::size_t size, const HeaderLayout& whole) {
  std::vector<std::uint8_t> tagged(data, data + size);
  tagged.insert(tagged.begin() + 12, {0x88, 0xa8, 0, 7});
  const HeaderLayout layout = parse(tagged.data(), tagged.size(), tagged.size());
  check_layout(layout, tagged.size());
  // A third one is seen by its type, before the frame is found to end in it.
  if (layout.unsplit == Unsplit::too_many_tags) {
    const bool ends_in_tag = whole.unsplit == Unsplit::truncated && whole.vlan_tags + 1U == HeaderLayout::kMostTags;
    NETMEM_CHECK(whole.vlan_tags == HeaderLayout::kMostTags || ends_in_tag, "three tags of %u", whole.vlan_tags + 1U);
    return;
  }
  NETMEM_CHECK(whole.vlan_tags < HeaderLayout::kMostTags, "%s behind three tags", name_of(layout.unsplit));
  HeaderLayout expected = whole;
  ++expected.vlan_tags;
  for (std::uint16_t* offset : {&expected.network, &expected.transport, &expected.payload})
    if (*offset != 0) *offset = static_cast<std::uint16_t>(*offset + 4);
  NETMEM_CHECK(layout == expected, "%s, and %s behind another tag", name_of(whole.unsplit), name_of(layout.unsplit));
}

void check_padded(const std::uint8_t* data, std::size_t size, const HeaderLayout& whole) {
  if (whole.unsplit == Unsplit::truncated || whole.unsplit == Unsplit::bad_length) return;
  std::vector<std::uint8_t> padded(data, data + size);
  padded.resize(size + 46);
  const HeaderLayout layout = parse(padded.data(), padded.size(), padded.size());
  NETMEM_CHECK(layout == whole, "%s, and %s with padding", name_of(whole.unsplit), name_of(layout.unsplit));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const HeaderLayout whole = parse(data, size, size);
  check_layout(whole, size);
  NETMEM_CHECK(whole.unsplit != Unsplit::headers_not_in_first_buffer, "no second buffer");
  for (std::size_t first = 0; first < std::min(size, kMostCuts); ++first) check_cut(data, size, first, whole);
  if (size >= 14) check_tagged(data, size, whole);
  check_padded(data, size, whole);
  return 0;
}
