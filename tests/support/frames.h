// Frames for tests, header by header: `ethernet(kIpv4) + ipv4(kUdp, 12) + udp(4) + filled(4)`. Checksums are 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace netmem::frames {

inline constexpr unsigned kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806, kCustomerTag = 0x8100, kServiceTag = 0x88a8;
inline constexpr unsigned kTcp = 6, kUdp = 17, kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                          kNoNextHeader = 59, kDestinationOptions = 60;

struct Bytes : std::vector<std::byte> {
  using vector::vector;
  Bytes(std::initializer_list<unsigned> values) {
    for (const unsigned value : values) push_back(static_cast<std::byte>(value));
  }
  void set_big_endian(std::size_t at, unsigned value) {
    (*this)[at] = static_cast<std::byte>(value >> 8);
    (*this)[at + 1] = static_cast<std::byte>(value);
  }
};

inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// 0, 1, 2, ...
inline Bytes filled(std::size_t size) {
  Bytes bytes(size, std::byte{});
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

inline Bytes zeros(std::size_t size) { return Bytes(size, std::byte{}); }

inline Bytes ethernet(unsigned type) { return Bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, type >> 8, type}; }

// Behind a header that says that this tag comes. `type`: of what comes next.
inline Bytes tag(unsigned type) { return Bytes{0, 100, type >> 8, type}; }

// `rest`: bytes after this header. `option_bytes`: a multiple of 4, at most 40. `fragment`: flags and offset.
inline Bytes ipv4(unsigned protocol, std::size_t rest, unsigned option_bytes = 0, unsigned fragment = 0) {
  Bytes header{0x40 | (5 + option_bytes / 4),
               0,
               0,
               0,
               0,
               1,
               fragment >> 8,
               fragment,
               64,
               protocol,
               0,
               0,
               10,
               0,
               0,
               1,
               10,
               0,
               0,
               2};
  header.set_big_endian(2, static_cast<unsigned>(20 + option_bytes + rest));
  return header + Bytes(option_bytes, std::byte{1});
}

inline Bytes ipv6(unsigned next, std::size_t rest) {
  Bytes header = Bytes{0x60, 0, 0, 0, 0, 0, next, 64} + filled(16) + filled(16);
  header.set_big_endian(4, static_cast<unsigned>(rest));
  return header;
}

// Hop by hop, routing, destination options: `units` of 8 bytes after the first.
inline Bytes extension(unsigned next, unsigned units = 0) {
  return Bytes{next, units, 1, 4, 0, 0, 0, 0} + zeros(8 * std::size_t{units});
}

inline Bytes fragment_header(unsigned next, unsigned offset_and_more) {
  return Bytes{next, 0, offset_and_more >> 8, offset_and_more, 0, 0, 0, 1};
}

inline Bytes udp(std::size_t payload) {
  Bytes header{0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0};
  header.set_big_endian(4, static_cast<unsigned>(8 + payload));
  return header;
}

inline Bytes tcp(unsigned option_bytes = 0) {
  return Bytes{0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1, 0, 0, 0, 2, (5 + option_bytes / 4) << 4, 0x10, 1, 0, 0, 0, 0, 0} +
         Bytes(option_bytes, std::byte{1});
}

}  // namespace netmem::frames
