// Digests of what a connection carried, printed as lower-case hexadecimal: as `xxhsum -H3` and `sha256sum` do,
// and CRC-32C (RFC 3720, appendix B.4) as a number of 8 digits.
// One thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace netmem::tool {

enum class DigestKind { none, xxh3, sha256, crc32c };

class Digest {
 public:
  virtual ~Digest() = default;
  virtual void update(std::span<const std::byte> bytes) = 0;
  // Of everything so far. Call it once, at the end.
  [[nodiscard]] virtual std::string hex() = 0;
};

// xxh3: XXH3 of 64 bits, seed 0, 16 digits. Null for `none`.
std::unique_ptr<Digest> make_digest(DigestKind kind);

const char* digest_name(DigestKind kind);

// As the digest crc32c prints it.
std::string crc32c_text(std::uint32_t crc);

}  // namespace netmem::tool
