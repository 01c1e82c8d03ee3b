// Polynomials over GF(2) modulo that of CRC-32C, 0x11EDC6F41 (RFC 3720, section 12.1), reflected: bit 31 is the
// coefficient of x^0. A CRC with n bytes behind it is its product with x^(8n). Any thread.
#pragma once

#include <cstdint>

namespace netmem {

using Polynomial = std::uint32_t;

constexpr Polynomial times_x(Polynomial a) { return (a >> 1) ^ (0x82f63b78 & -(a & 1)); }

// Without branches: those would be mispredicted half of the time.
constexpr Polynomial product(Polynomial a, Polynomial b) {
  Polynomial sum = 0;
  for (int i = 0; i < 32; ++i, a <<= 1, b = times_x(b)) sum ^= b & -(a >> 31);
  return sum;
}

}  // namespace netmem
