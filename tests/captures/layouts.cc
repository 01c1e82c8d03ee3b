// Prints netmem's view of each frame of captures, tab-separated; tests/captures/compare puts tshark's beside it.
//   netmem_layouts FILE...
#include <fmt/core.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <memory>

#include "netmem/packet/checksum.h"
#include "netmem/pool/page_pool.h"
#include "netmem/providers/host/host.h"

namespace netmem {
namespace {

constexpr std::uint32_t kPageSize = 4096;

// The frame as a port would deliver it: headers and payload in pages of their own.
Packet packet_of(PagePool& pool, std::span<const std::byte> frame, const HeaderLayout& layout) {
  Packet packet;
  packet.info.layout = layout;
  const Netmem page = pool.try_alloc();
  std::ranges::copy(frame.first(layout.payload), Page(page).address());
  packet.set_header({.page = page, .offset = 0, .size = layout.payload});
  std::span<const std::byte> rest = frame.subspan(layout.payload, layout.payload_size);
  while (!rest.empty()) {
    const std::span<const std::byte> part = rest.first(std::min<std::size_t>(rest.size(), kPageSize));
    const Netmem next = pool.try_alloc();
    std::ranges::copy(part, Page(next).address());
    packet.add_payload({.page = next, .offset = 0, .size = static_cast<std::uint32_t>(part.size())});
    rest = rest.subspan(part.size());
  }
  return packet;
}

const char* name_of(Checksum checksum) {
  switch (checksum) {
    case Checksum::good:
      return "good";
    case Checksum::bad:
      return "bad";
    case Checksum::none:
      return "none";
    case Checksum::unchecked:
      break;
  }
  return "unchecked";
}

unsigned big_endian(std::span<const std::byte> frame, std::size_t at) {
  return std::to_integer<unsigned>(frame[at]) << 8 | std::to_integer<unsigned>(frame[at + 1]);
}

void print_frame(PagePool& pool, const char* file, std::size_t number, std::span<const std::byte> frame) {
  const HeaderLayout layout = parse_headers(frame, frame.size());
  unsigned source = 0, destination = 0;
  const char* checksum = "none";
  if (layout.unsplit == Unsplit::none) {
    source = big_endian(frame, layout.transport);
    destination = big_endian(frame, layout.transport + 2U);
    checksum = name_of(checksum_of(packet_of(pool, frame, layout)));
  }
  fmt::print("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", file, number, netmem::name_of(layout.unsplit),
             layout.vlan_tags, layout.ip_version, layout.protocol, layout.network, layout.transport, layout.payload,
             layout.payload_size, source, destination, checksum);
}

bool print_file(PagePool& pool, const char* file) {
  char why[PCAP_ERRBUF_SIZE] = "";
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> capture(pcap_open_offline(file, why), &pcap_close);
  if (!capture || pcap_datalink(capture.get()) != DLT_EN10MB) {
    fmt::print(stderr, "netmem_layouts: cannot read {}: {}; give it captures of Ethernet\n", file,
               capture ? "it holds other frames" : why);
    return false;
  }
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  for (std::size_t number = 1; pcap_next_ex(capture.get(), &header, &bytes) == 1; ++number) {
    if (header->caplen != header->len) {
      fmt::print(stderr, "netmem_layouts: {}: frame {} was cut off; record it with tcpdump -s 0\n", file, number);
      return false;
    }
    print_frame(pool, file, number, std::as_bytes(std::span(bytes, header->caplen)));
  }
  return true;
}

int print_files(std::span<char*> files) {
  auto memory = make_host_provider({.size = std::size_t{1} << 20});
  if (!memory) {
    fmt::print(stderr, "{}\n", memory.error().message());
    return 1;
  }
  const PagePoolPtr pool = PagePool::create(*memory, {.name = "frames"}).value();
  fmt::print(
      "file\tframe\tunsplit\ttags\tversion\tprotocol\tnetwork\ttransport\tpayload\tsize\tsource\tdestination\t"
      "checksum\n");
  return std::ranges::all_of(files, [&](const char* file) { return print_file(*pool, file); }) ? 0 : 1;
}

}  // namespace
}  // namespace netmem

int main(int argc, char** argv) { return netmem::print_files(std::span(argv + 1, static_cast<std::size_t>(argc - 1))); }
