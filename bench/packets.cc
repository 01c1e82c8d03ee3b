// What netmem itself does to a received frame, in cycles for each of a batch of 64 in the first cache: the parser,
// filling packets, dropping them. The least of many repetitions, so that a busy machine matters little.
//   packets
#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "bench/loops/cycles.h"
#include "netmem/netmem.h"
#include "tests/support/frames.h"

namespace netmem {
namespace {

constexpr std::size_t kBatch = 64;
constexpr int kRepetitions = 3000;

using frames::Bytes;

double least_of(auto prepare, auto work) {
  double least = 1e9;
  for (int i = 0; i < kRepetitions; ++i) {
    prepare();
    const std::uint64_t began = bench::read_cycles();
    work();
    least = std::min(least, static_cast<double>(bench::read_cycles() - began) / kBatch);
  }
  return least;
}

void print(const char* what, double cycles) { std::printf("%-40s %6.1f %s\n", what, cycles, bench::kCycleUnit); }

void parse(const char* what, const Bytes& frame) {
  const std::vector<Bytes> all(kBatch, frame);
  std::array<Packet, kBatch> packets;
  print(what, least_of([] {},
                       [&] {
                         for (std::size_t i = 0; i < kBatch; ++i)
                           packets[i].info.layout = parse_headers(all[i], all[i].size());
                       }));
}

void fill(std::span<const Netmem> pages, std::span<Packet> packets) {
  for (std::size_t i = 0; i < packets.size(); ++i) {
    packets[i].set_header({.page = pages[i], .offset = 256, .size = 42});
    packets[i].join_payload({.page = pages[i], .offset = 298, .size = 64});
  }
}

void fill_and_drop(PagePool& pool) {
  std::array<Netmem, kBatch> pages;
  std::array<Packet, kBatch> packets;
  const auto take = [&] { NETMEM_CHECK(pool.try_alloc(pages) == kBatch, "the pool is too small"); };
  const auto filled = [&] {
    drop(packets);
    take();
  };
  print("fill, header and payload joined", least_of(filled, [&] { fill(pages, packets); }));
  drop(packets);
  const auto full = [&] {
    take();
    fill(pages, packets);
  };
  print("drop many", least_of(full, [&] { drop(packets); }));
  print("drop one by one", least_of(full, [&] {
          for (Packet& packet : packets) packet.reset();
        }));
}

int run() {
  using namespace frames;
  const Bytes tcp6 = ethernet(kIpv6) + ipv6(kTcp, 32 + 64) + tcp(12) + filled(64);
  parse("parse Ethernet, IPv4, UDP", ethernet(kIpv4) + ipv4(kUdp, 8 + 64) + udp(64) + filled(64));
  parse("parse Ethernet, IPv6, TCP with options", tcp6);
  parse("parse two tags, IPv4, UDP", ethernet(kServiceTag) + tag(kCustomerTag) + tag(kIpv4) + ipv4(kUdp, 8) + udp(0));
  const auto memory = make_host_provider({.size = std::size_t{1} << 20});
  if (!memory) {
    std::fprintf(stderr, "%s\n", memory.error().message().c_str());
    return 1;
  }
  fill_and_drop(*PagePool::create(*memory).value());
  return 0;
}

}  // namespace
}  // namespace netmem

int main() { return netmem::run(); }
