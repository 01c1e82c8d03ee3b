// Sends UDP frames out of an interface as fast as the kernel makes them, through BPF_PROG_TEST_RUN: of frames that fit
// a page live ones (BPF_F_TEST_XDP_LIVE_FRAMES), of larger ones clones of one packet. Counts and drops what comes back.
//
//   xdp_generate --interface va --to MAC --size 64 --seconds 1 [--rate PPS] [--batch 64] [--destination IPv4:PORT]
//
// Sources: Documentation/bpf/bpf_prog_run.rst; net/bpf/test_run.c for the limits.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sys/time.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "bench/parse_or_exit.h"
#include "bench/xdp/common.h"

namespace netmem::bench {
namespace {

constexpr std::size_t kMostLive = 3400;  // a page less 256 of headroom, the kernel's own words and skb_shared_info
constexpr std::size_t kHeaders = 14 + 20 + 8;

struct Options {
  std::string interface;
  std::vector<std::string> through;
  std::string to = "ff:ff:ff:ff:ff:ff";
  std::string source = "10.77.0.1";
  std::string destination = "10.77.0.2";
  std::uint16_t port = 9999;
  std::size_t size = 64;
  double seconds = 1;
  double rate = 0;
  std::uint32_t batch = 64;
};

// As in programs.bpf.c.
struct Settings {
  std::uint32_t interface;
  std::uint32_t through;
  std::uint64_t frame_size;
  std::uint64_t burst;
  std::uint64_t burst_ns;
};
struct Sent {
  std::uint64_t frames;
  std::uint64_t refused;
};

void put16(std::vector<unsigned char>& frame, std::size_t at, std::size_t value) {
  frame[at] = static_cast<unsigned char>(value >> 8U);
  frame[at + 1] = static_cast<unsigned char>(value);
}

void put_address(std::vector<unsigned char>& frame, std::size_t at, const std::string& address) {
  if (inet_pton(AF_INET, address.c_str(), &frame[at]) != 1) fail("read the IPv4 address \"{}\"", address);
}

void put_mac(std::vector<unsigned char>& frame, const std::string& mac) {
  unsigned bytes[6];
  if (std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", bytes, bytes + 1, bytes + 2, bytes + 3, bytes + 4, bytes + 5) != 6)
    fail("read the MAC address \"{}\"", mac);
  for (std::size_t i = 0; i < 6; ++i) frame[i] = static_cast<unsigned char>(bytes[i]);
}

// Ethernet, IPv4 (RFC 791), UDP without a checksum (RFC 768), zeros.
std::vector<unsigned char> make_frame(const Options& options) {
  std::vector<unsigned char> frame(options.size);
  put_mac(frame, options.to);
  frame[6] = 2;
  frame[11] = 1;
  put16(frame, 12, 0x0800);
  frame[14] = 0x45;
  put16(frame, 16, options.size - 14);
  frame[22] = 64;
  frame[23] = IPPROTO_UDP;
  put_address(frame, 26, options.source);
  put_address(frame, 30, options.destination);
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8U | frame[i + 1]);
  sum = (sum & 0xffffU) + (sum >> 16U);
  put16(frame, 24, ~((sum & 0xffffU) + (sum >> 16U)) & 0xffffU);
  put16(frame, 34, 12345);
  put16(frame, 36, options.port);
  put16(frame, 38, options.size - 34);
  return frame;
}

bpf_map* map_of_section(bpf_object* programs, const char* section) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, programs) {
    if (std::strstr(bpf_map__name(map), section) != nullptr) return map;
  }
  fail("find {} of the programs", section);
}

void set(bpf_object* programs, const Settings& settings) {
  const int error = bpf_map__set_initial_value(map_of_section(programs, ".rodata"), &settings, sizeof(settings));
  if (error != 0) fail("set what the programs do: {}", std::strerror(-error));
}

Sent read_sent(bpf_object* programs) {
  Sent sent{};
  const std::uint32_t key = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(map_of_section(programs, ".data.sent")), &key, &sent) != 0)
    fail("count what was sent: {}", std::strerror(errno));
  return sent;
}

// Of all processors.
std::uint64_t returned(bpf_object* programs) {
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::uint32_t key = 0;
  const int map = bpf_object__find_map_fd_by_name(programs, "returned");
  if (bpf_map_lookup_elem(map, &key, counts.data()) != 0) fail("count what came back: {}", std::strerror(errno));
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

void start_clock(double seconds) {
  const double whole = std::floor(seconds);
  const itimerval timer{{0, 0}, {static_cast<time_t>(whole), static_cast<suseconds_t>((seconds - whole) * 1e6)}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

// Until the clock's signal; the kernel counts in `sent`.
void send(int program, const std::vector<unsigned char>& frame, const Options& options, bool live) {
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.data_in = frame.data();
  run.data_size_in = static_cast<std::uint32_t>(live ? frame.size() : std::min(frame.size(), kMostLive));
  run.repeat = std::numeric_limits<int>::max();
  if (live) {
    run.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    run.batch_size = options.batch;
  }
  while (!stopped()) {
    const int error = bpf_prog_test_run_opts(program, &run);
    if (error != 0 && error != -EINTR) fail("send through BPF_PROG_TEST_RUN: {}", std::strerror(-error));
  }
}

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app{"Sends UDP frames as fast as the kernel makes them."};
  app.add_option("--interface", options.interface)->required();
  app.add_option("--through", options.through, "veth pair for frames larger than a page: OUT,IN")
      ->delimiter(',')
      ->expected(2);
  app.add_option("--to", options.to, "destination MAC address");
  app.add_option("--source", options.source, "IPv4 address");
  app.add_option("--destination", options.destination, "IPv4 address");
  app.add_option("--port", options.port, "UDP port");
  app.add_option("--size", options.size, "bytes of a frame, from Ethernet's header to the last of the payload")
      ->check(CLI::Range(kHeaders, std::size_t{60000}));
  app.add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
  app.add_option("--rate", options.rate, "frames per second; 0: as fast as it goes");
  app.add_option("--batch", options.batch, "frames at once")->check(CLI::Range(1, 256));
  parse_or_exit(app, argc, argv);
  return options;
}

bpf_link* attach(bpf_object* programs, const char* program, const std::string& interface) {
  bpf_link* link = bpf_program__attach_xdp(bpf_object__find_program_by_name(programs, program),
                                           static_cast<int>(interface_index(interface)));
  if (link == nullptr) fail("attach an XDP program to {}: {}", interface, std::strerror(errno));
  return link;
}

int run(const Options& options) {
  const bool live = options.size <= kMostLive;
  if (!live && options.through.empty()) fail("send frames of {} bytes without --through", options.size);
  bpf_object* programs = open_programs();
  set(programs, {interface_index(options.interface), live ? 0 : interface_index(options.through[0]), options.size,
                 options.batch, options.rate > 0 ? static_cast<std::uint64_t>(1e9 * options.batch / options.rate) : 0});
  if (const int error = bpf_object__load(programs); error != 0) fail("load the programs: {}", std::strerror(-error));
  // With a program on it a veth takes redirected frames, too (NETDEV_XDP_ACT_NDO_XMIT).
  bpf_link* link = attach(programs, "count_and_drop", options.interface);
  bpf_link* on_the_way = live ? nullptr : attach(programs, "forward", options.through[1]);
  const std::vector<unsigned char> frame = make_frame(options);
  const int program = bpf_program__fd(bpf_object__find_program_by_name(programs, live ? "send_live" : "send_clones"));

  const auto began = std::chrono::steady_clock::now();
  start_clock(options.seconds);
  send(program, frame, options, live);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  timespec pause{0, 20'000'000};  // for the last ones to come back
  nanosleep(&pause, nullptr);
  const Sent sent = read_sent(programs);
  fmt::print(
      "{{\"sent\": {}, \"refused\": {}, \"returned\": {}, \"seconds\": {:.6f}, \"per_second\": {:.0f}, "
      "\"way\": \"{}\"}}\n",
      sent.frames, sent.refused, returned(programs), took.count(), static_cast<double>(sent.frames) / took.count(),
      live ? "live frames" : "clones");
  bpf_link__destroy(on_the_way);
  bpf_link__destroy(link);
  bpf_object__close(programs);
  return 0;
}

}  // namespace
}  // namespace netmem::bench

int main(int argc, char** argv) {
  const auto options = netmem::bench::parse(argc, argv);
  netmem::bench::begin();
  return netmem::bench::run(options);
}
