#include "tools/pcapng.h"

#include <bit>
#include <cstring>

#include "netmem/base/check.h"

namespace netmem::tool {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are written as they are in memory");

// draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 3.5.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEthernet = 1;  // LINKTYPE_ETHERNET
constexpr std::uint16_t kApplication = 4, kInterfaceName = 2, kTimeResolution = 9, kPacketFlags = 2, kPacketQueue = 6;
constexpr std::uint32_t kInbound = 1;

constexpr std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

// Fixed parts of the blocks; each begins with type and length and ends with the length again.
struct BlockHeader {
  std::uint32_t type;
  std::uint32_t length;
};
struct SectionBody {
  std::uint32_t byte_order = kByteOrder;
  std::uint16_t major = 1, minor = 0;
  std::uint32_t length[2] = {~0U, ~0U};  // not known
};
struct InterfaceBody {
  std::uint16_t link = kEthernet, reserved = 0;
  std::uint32_t most_captured = 0;  // no limit
};
struct PacketBody {
  std::uint32_t interface = 0;
  std::uint32_t time_high, time_low;
  std::uint32_t captured, original;
};
struct PacketOptions {
  std::uint16_t flags_code = kPacketFlags, flags_length = 4;
  std::uint32_t flags = kInbound;
  std::uint16_t queue_code = kPacketQueue, queue_length = 4;
  std::uint32_t queue;
  std::uint32_t end = 0;
};
static_assert(sizeof(SectionBody) == 16 && sizeof(InterfaceBody) == 8 && sizeof(PacketBody) == 20 &&
              sizeof(PacketOptions) == 20);
static_assert(sizeof(BlockHeader) + sizeof(PacketBody) + 3 + sizeof(PacketOptions) + 4 <= CaptureBuffer::kOverhead);

// A block that is put together once.
class Block {
 public:
  Block(std::uint32_t type, const auto& body) {
    append(BlockHeader{type, 0});
    append(body);
  }
  void option(std::uint16_t code, std::string_view value) {
    append(code);
    append(static_cast<std::uint16_t>(value.size()));
    bytes_.append(value);
    bytes_.resize(padded(bytes_.size()));
  }
  std::string finish() {
    append(std::uint32_t{0});  // the end of the options
    const auto length = static_cast<std::uint32_t>(bytes_.size() + 4);
    append(length);
    std::memcpy(bytes_.data() + offsetof(BlockHeader, length), &length, sizeof length);
    return std::move(bytes_);
  }

 private:
  void append(const auto& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }

  std::string bytes_;
};

}  // namespace

Result<CaptureFile> CaptureFile::create(const std::string& path, const std::string& interface) {
  Result<Output> output = path == "-" ? Output::standard_output() : Output::file(path);
  if (!output) return std::unexpected(output.error());
  Block section(kSectionHeader, SectionBody{});
  section.option(kApplication, "netmem " NETMEM_VERSION);
  Block description(kInterfaceDescription, InterfaceBody{});
  description.option(kInterfaceName, interface);
  description.option(kTimeResolution, "\x09");
  CaptureFile file(std::move(*output));
  const std::string blocks = section.finish() + description.finish();
  if (Result<void> written = file.write(std::as_bytes(std::span(blocks))); !written)
    return std::unexpected(written.error());
  return file;
}

std::span<std::byte> CaptureBuffer::add(const Frame& frame) {
  NETMEM_CHECK(has_room(frame.size), "a frame of %u bytes does not fit behind %zu of %zu", frame.size, used_, kSize);
  std::byte* at = blocks_.data() + used_;
  const auto put = [&at](const auto& value) {
    std::memcpy(at, &value, sizeof value);
    at += sizeof value;
  };
  const std::size_t data = padded(frame.size);
  const auto length =
      static_cast<std::uint32_t>(sizeof(BlockHeader) + sizeof(PacketBody) + data + sizeof(PacketOptions) + 4);
  put(BlockHeader{kEnhancedPacket, length});
  put(PacketBody{.time_high = static_cast<std::uint32_t>(frame.received_ns >> 32),
                 .time_low = static_cast<std::uint32_t>(frame.received_ns),
                 .captured = frame.size,
                 .original = frame.size});
  const std::span<std::byte> room(at, frame.size);
  std::memset(at + frame.size, 0, data - frame.size);
  at += data;
  put(PacketOptions{.queue = frame.queue});
  put(length);
  used_ += length;
  return room;
}

Result<void> CaptureBuffer::flush() {
  const auto blocks = std::span<const std::byte>(blocks_).first(used_);
  used_ = 0;
  return blocks.empty() ? Result<void>() : file_.write(blocks);
}

}  // namespace netmem::tool
