#include "tools/arguments.h"

#include <bit>

#include "netmem/base/units.h"
#include "netmem/core/region.h"

namespace netmem::tool {
namespace {

std::string to_bytes(std::string& text) {
  const Result<std::size_t> size = parse_size(text);
  if (!size) return size.error().message();
  text = std::to_string(*size);
  return {};
}

std::string to_page_size(std::string& text) {
  const std::string given = text;
  if (std::string error = to_bytes(text); !error.empty()) return error;
  const std::size_t size = std::stoull(text);
  constexpr std::size_t kSmallest = std::size_t{1} << kSmallestPageShift;
  constexpr std::size_t kLargest = std::size_t{1} << kLargestPageShift;
  if (std::has_single_bit(size) && size >= kSmallest && size <= kLargest) return {};
  return given + " is no power of two from 4K to 1G";
}

}  // namespace

CLI::Validator size_argument() { return CLI::Validator(&to_bytes, "", "size"); }
void add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& value,
                  const std::string& description) {
  const auto check = [](const std::string& text) {
    const Result<std::chrono::milliseconds> time = parse_duration(text);
    return time ? std::string() : time.error().message();
  };
  command
      .add_option_function<std::string>(
          name, [&value](const std::string& text) { value = *parse_duration(text); }, description)
      ->type_name("TIME")
      ->check(CLI::Validator(check, "", "time"));
}

CLI::Validator page_size_argument() { return CLI::Validator(&to_page_size, "", "page size"); }

DigestKind CommonArguments::digest_kind() const {
  if (digest == "none") return DigestKind::none;
  if (digest == "crc32c") return DigestKind::crc32c;
  return digest == "sha256" ? DigestKind::sha256 : DigestKind::xxh3;
}

void add_common(CLI::App& command, CommonArguments& arguments) {
  command.add_option("--connections", arguments.connections, "how many connections (default 1, at most 4096)")
      ->type_name("N")
      ->check(CLI::Range(1U, kMostConnections));
  command.add_option("--digest", arguments.digest, "xxh3 (default; 64 bits, as xxhsum -H3), sha256, crc32c or none")
      ->type_name("NAME")
      ->check(CLI::IsMember({"xxh3", "sha256", "crc32c", "none"}));
  command.add_flag("--json", arguments.json, "print the summary as JSON");
}

}  // namespace netmem::tool
