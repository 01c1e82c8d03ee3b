// KIND:SIZE, opencl:PLATFORM.DEVICE:SIZE or cuda:DEVICE:SIZE: exactly the known kinds with a size above zero are
// understood.

#include <array>
#include <optional>
#include <regex>

#include "netmem/base/units.h"
#include "netmem/providers/spec/memory_spec.h"
#include "tests/fuzz/properties.h"

namespace {

using netmem::MemorySpec;

constexpr std::array<std::string_view, 8> kKinds = {"memfd", "udmabuf", "opencl",     "cuda",
                                                    "host",  "huge",    "huge_split", "huge_1g"};

// The same, said differently.
std::optional<MemorySpec> expected(std::string_view text) {
  static const std::regex numbered(R"((?:opencl:(\d{1,3})\.|cuda:)(\d{1,3}):)");
  std::cmatch parts;
  if (std::regex_search(text.data(), text.data() + text.size(), parts, numbered,
                        std::regex_constants::match_continuous)) {
    const auto size = netmem::parse_size(parts.suffix().str());
    if (!size || *size == 0) return std::nullopt;
    const bool opencl = parts[1].matched;
    return MemorySpec{.kind = kKinds[opencl ? 2 : 3],
                      .size = *size,
                      .platform = opencl ? std::stoi(parts[1]) : -1,
                      .device = std::stoi(parts[2])};
  }
  for (const std::string_view kind : kKinds) {
    const std::string start = std::string(kind) + ":";
    if (!text.starts_with(start) || kind == "cuda") continue;
    const auto size = netmem::parse_size(text.substr(start.size()));
    if (size && *size != 0) return MemorySpec{.kind = kind, .size = *size};
  }
  return std::nullopt;
}

// The text is gone when the result is looked at: it must not refer to it.
netmem::Result<MemorySpec> parse_copy(std::string_view text) {
  const std::string copy(text);
  return netmem::parse_memory_spec(copy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = netmem::fuzz::as_text(data, size);
  const auto spec = parse_copy(text);
  const auto wanted = expected(text);
  NETMEM_CHECK(spec.has_value() == wanted.has_value(), "%s", spec ? "nonsense is understood" : "sense is refused");
  if (spec) {
    NETMEM_CHECK(spec->kind == wanted->kind && spec->size == wanted->size, "read as %.*s:%zu, not %zu",
                 static_cast<int>(spec->kind.size()), spec->kind.data(), spec->size, wanted->size);
    NETMEM_CHECK(spec->platform == wanted->platform && spec->device == wanted->device,
                 "read as device %d.%d, not %d.%d", spec->platform, spec->device, wanted->platform, wanted->device);
  } else {
    netmem::fuzz::check_error(spec.error());
    NETMEM_CHECK(spec.error().advice.find(netmem::memory_kinds()) != std::string::npos, "the kinds are not named");
  }
  return 0;
}
