#include "tools/digest.h"

#include <gtest/gtest.h>

#include <string_view>

namespace netmem::tool {
namespace {

std::string digest_of(DigestKind kind, std::string_view text, std::size_t step = 1000) {
  const auto digest = make_digest(kind);
  for (std::size_t at = 0; at < text.size(); at += step)
    digest->update(std::as_bytes(std::span(text.substr(at, step))));
  return digest->hex();
}

// FIPS 180-4's examples.
TEST(Digest, Sha256AgreesWithTheStandard) {
  EXPECT_EQ(digest_of(DigestKind::sha256, ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of(DigestKind::sha256, "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// What `xxhsum -H3` prints.
TEST(Digest, Xxh3AgreesWithXxhsum) {
  EXPECT_EQ(digest_of(DigestKind::xxh3, ""), "2d06800538d394c2");
  EXPECT_EQ(digest_of(DigestKind::xxh3, "abc"), "78af5f94892f3950");
}

// The check value of the catalogues.
TEST(Digest, Crc32cAgreesWithTheStandard) {
  EXPECT_EQ(digest_of(DigestKind::crc32c, ""), "00000000");
  EXPECT_EQ(digest_of(DigestKind::crc32c, "123456789"), "e3069283");
}

TEST(Digest, DoesNotDependOnHowTheBytesAreCut) {
  const std::string text(1000, 'x');
  for (const DigestKind kind : {DigestKind::xxh3, DigestKind::sha256, DigestKind::crc32c})
    EXPECT_EQ(digest_of(kind, text, 7), digest_of(kind, text));
}

TEST(Digest, NoneIsNoDigest) { EXPECT_EQ(make_digest(DigestKind::none), nullptr); }

}  // namespace
}  // namespace netmem::tool
