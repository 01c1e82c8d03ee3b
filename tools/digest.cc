#include "tools/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include <array>

#include "netmem/base/check.h"
#include "netmem/base/crc32c.h"

namespace netmem::tool {
namespace {

class Xxh3Digest final : public Digest {
 public:
  Xxh3Digest() : state_(XXH3_createState(), &XXH3_freeState) {
    NETMEM_CHECK(state_ && XXH3_64bits_reset(state_.get()) == XXH_OK, "no memory for an xxh3 state");
  }
  void update(std::span<const std::byte> bytes) override {
    XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
  }
  std::string hex() override { return fmt::format("{:016x}", XXH3_64bits_digest(state_.get())); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

class Sha256Digest final : public Digest {
 public:
  Sha256Digest() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    NETMEM_CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
                 "OpenSSL has no sha256 here");
  }
  void update(std::span<const std::byte> bytes) override {
    NETMEM_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "sha256 of %zu bytes failed",
                 bytes.size());
  }
  std::string hex() override {
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
    unsigned int size = 0;
    NETMEM_CHECK(EVP_DigestFinal_ex(context_.get(), sum.data(), &size) == 1, "sha256 could not be finished");
    std::string text;
    for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", sum.at(i));
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

class Crc32cDigest final : public Digest {
 public:
  void update(std::span<const std::byte> bytes) override { crc_ = crc32c(bytes, crc_); }
  std::string hex() override { return crc32c_text(crc_); }

 private:
  std::uint32_t crc_ = 0;
};

}  // namespace

std::unique_ptr<Digest> make_digest(DigestKind kind) {
  switch (kind) {
    case DigestKind::xxh3:
      return std::make_unique<Xxh3Digest>();
    case DigestKind::sha256:
      return std::make_unique<Sha256Digest>();
    case DigestKind::crc32c:
      return std::make_unique<Crc32cDigest>();
    case DigestKind::none:
      break;
  }
  return nullptr;
}

std::string crc32c_text(std::uint32_t crc) { return fmt::format("{:08x}", crc); }

const char* digest_name(DigestKind kind) {
  switch (kind) {
    case DigestKind::xxh3:
      return "xxh3";
    case DigestKind::sha256:
      return "sha256";
    case DigestKind::crc32c:
      return "crc32c";
    case DigestKind::none:
      break;
  }
  return "none";
}

}  // namespace netmem::tool
