#include "netmem/providers/spec/memory_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "netmem/base/quote.h"
#include "netmem/base/units.h"
#include "netmem/providers/gpu/cuda/cuda.h"
#include "netmem/providers/gpu/opencl/opencl.h"
#include "netmem/providers/host/host.h"
#include "netmem/providers/host/huge.h"
#include "netmem/providers/host/huge_1g.h"
#include "netmem/providers/host/huge_split.h"
#include "netmem/providers/mapped/device.h"

namespace netmem {
namespace {

using Made = Result<std::shared_ptr<MemoryProvider>>;
using Dma = std::shared_ptr<DmaDevice>;

struct Kind {
  std::string_view name;
  Made (*make)(const MemorySpec& spec, std::size_t page_size, Dma dma);
  // What stands before the size; not understood: why.
  const char* (*read_device)(std::string_view text, MemorySpec& spec) = nullptr;
  bool device_needed = false;
};

template <class Options, auto kMake>
// NOLINTNEXTLINE(performance-unnecessary-value-param): moved; the check does not look through the template
Made make(const MemorySpec& spec, std::size_t page_size, Dma dma) {
  return kMake(Options{.size = spec.size, .page_size = page_size, .dma = std::move(dma)});
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): moved
Made make_huge_1g(const MemorySpec& spec, std::size_t page_size, Dma dma) {
  return make_huge_1g_provider(spec.size, page_size, std::move(dma));
}

Made make_opencl(const MemorySpec& spec, std::size_t page_size, Dma dma) {
  return make_opencl_provider({.platform = spec.platform,
                               .device = spec.device,
                               .size = spec.size,
                               .page_size = page_size,
                               .dma = std::move(dma)});
}

Made make_cuda(const MemorySpec& spec, std::size_t page_size, Dma dma) {
  return make_cuda_provider({.device = spec.device, .size = spec.size, .page_size = page_size, .dma = std::move(dma)});
}

// One to three digits from the front of `text`. False: they are not there.
bool read_number(std::string_view& text, int& number) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > 3) return false;
  std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(digits);
  return true;
}

const char* read_platform_and_device(std::string_view text, MemorySpec& spec) {
  constexpr const char* kBad = "between its colons is no PLATFORM.DEVICE, as in 0.1";
  if (!read_number(text, spec.platform) || !text.starts_with('.')) return kBad;
  text.remove_prefix(1);
  return read_number(text, spec.device) && text.empty() ? nullptr : kBad;
}

const char* read_device(std::string_view text, MemorySpec& spec) {
  return read_number(text, spec.device) && text.empty() ? nullptr : "between its colons is no number of a GPU, as in 0";
}

constexpr std::array kKinds = {
    Kind{"memfd", make<DeviceOptions, make_memfd_provider>},
    Kind{"udmabuf", make<DeviceOptions, make_udmabuf_provider>},
    Kind{"opencl", make_opencl, read_platform_and_device},
    Kind{"cuda", make_cuda, read_device, true},
    Kind{"host", make<HostOptions, make_host_provider>},
    Kind{"huge", make<HugeOptions, make_huge_provider>},
    Kind{"huge_split", make<HugeSplitOptions, make_huge_split_provider>},
    Kind{"huge_1g", make_huge_1g},
};

const Kind* find_kind(std::string_view name) {
  const auto* const found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& kind) { return kind.name == name; });
  return found == kKinds.end() ? nullptr : found;
}

}  // namespace

std::string memory_kinds() {
  std::string list;
  for (const Kind& kind : kKinds) list += (list.empty() ? "" : ", ") + std::string(kind.name);
  return list;
}

Result<MemorySpec> parse_memory_spec(std::string_view text) {
  const auto bad = [&](std::string why) {
    return refused(
        "read " + in_quotes(text) + " as memory", std::move(why),
        "write KIND:SIZE, as in memfd:256M, opencl:0.0:256M or cuda:0:256M; the kinds are " + memory_kinds());
  };
  const auto colon = text.find(':');
  const Kind* kind = find_kind(text.substr(0, colon));
  if (kind == nullptr) return bad("there is no such kind");
  if (colon == std::string_view::npos) return bad("it has no size");
  MemorySpec spec{.kind = kind->name};
  std::string_view rest = text.substr(colon + 1);
  const auto second = rest.find(':');
  if (kind->device_needed && second == std::string_view::npos) return bad("it has no number of a GPU, or no size");
  if (kind->read_device != nullptr && second != std::string_view::npos) {
    if (const char* const why = kind->read_device(rest.substr(0, second), spec)) return bad(why);
    rest.remove_prefix(second + 1);
  }
  auto size = parse_size(rest);
  if (!size) return bad("of its size, " + size.error().reason);
  if (*size == 0) return bad("its size is zero");
  spec.size = *size;
  return spec;
}

Result<std::shared_ptr<MemoryProvider>> make_provider(const MemorySpec& spec, std::size_t page_size,
                                                      std::shared_ptr<DmaDevice> dma) {
  const Kind* kind = find_kind(spec.kind);
  if (kind == nullptr)
    return refused("make a provider of " + in_quotes(spec.kind), "there is no such kind",
                   "the kinds are " + memory_kinds());
  return kind->make(spec, page_size, std::move(dma));
}

Result<std::shared_ptr<MemoryProvider>> make_provider(std::string_view spec, std::size_t page_size,
                                                      std::shared_ptr<DmaDevice> dma) {
  auto parsed = parse_memory_spec(spec);
  if (!parsed) return std::unexpected(parsed.error());
  return make_provider(*parsed, page_size, std::move(dma));
}

}  // namespace netmem
