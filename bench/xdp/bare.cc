// What an AF_XDP program is without netmem: libxdp's rings, one flat piece of memory, no allocator. Receives and drops,
// or swaps the MAC addresses and sends back.
//
//   xdp_bare --interface vb [--echo] [--spin] [--huge] [--posted N]
//
// Without --spin it waits in poll() when there is nothing. A frame's buffer goes from the receive ring straight into
// the fill ring, or into the transmit ring, and from the completion ring into the fill ring.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bench/loops/cycles.h"
#include "bench/parse_or_exit.h"
#include "bench/xdp/common.h"

namespace netmem::bench {
namespace {

constexpr std::uint32_t kChunk = 4096;
constexpr std::uint32_t kChunks = 4096;
constexpr std::uint32_t kRing = 2048;
constexpr std::uint32_t kBatch = 64;
// include/uapi/linux/if_xdp.h since 6.6; Debian 12's is older.
constexpr std::uint16_t kUseSg = 1 << 4;
constexpr std::uint32_t kMoreFollows = 1 << 0;

struct Options {
  std::string interface;
  bool echo = false;
  bool spin = false;
  bool huge = false;
  std::uint32_t posted = kRing;
};

struct Counts {
  std::uint64_t received = 0, bytes = 0, returned = 0;
};

class Bare {
 public:
  explicit Bare(const Options& options) : options_(options) {
    map_memory();
    open_socket();
    attach();
    std::uint32_t at = 0;
    xsk_ring_prod__reserve(&fill_, options.posted, &at);
    for (std::uint32_t i = 0; i < options.posted; ++i)
      *xsk_ring_prod__fill_addr(&fill_, at + i) = std::uint64_t{i} * kChunk;
    xsk_ring_prod__submit(&fill_, options.posted);
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;
  ~Bare() { bpf_link__destroy(link_); }

  void work() {
    const std::uint32_t buffers = options_.echo ? echo_batch() : options_.spin ? timed_drop_batch() : drop_batch();
    if (options_.echo && sending_ != 0) kick();
    if (buffers == 0) wait();
  }

  [[nodiscard]] std::string json() const {
    xdp_statistics kernel{};
    socklen_t size = sizeof(kernel);
    getsockopt(xsk_socket__fd(socket_), SOL_XDP, XDP_STATISTICS, &kernel, &size);
    return fmt::format(R"({{"received": {}, "bytes": {}, "returned": {}, "busy": {}, "fill_ring_empty": {}, )"
                       R"("rx_ring_full": {}, "rx_dropped": {}}})",
                       counts_.received, counts_.bytes, counts_.returned, busy_.json(),
                       std::uint64_t{kernel.rx_fill_ring_empty_descs}, std::uint64_t{kernel.rx_ring_full},
                       std::uint64_t{kernel.rx_dropped});
  }

 private:
  void map_memory() {
    const int huge = options_.huge ? MAP_HUGETLB : 0;
    void* memory = mmap(nullptr, std::size_t{kChunk} * kChunks, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | huge, -1, 0);
    if (memory == MAP_FAILED) fail("map memory: {}", std::strerror(errno));
    memory_ = static_cast<unsigned char*>(memory);
  }

  void open_socket() {
    const xsk_umem_config memory{kRing, kRing, kChunk, 0, 0};
    int error = xsk_umem__create(&umem_, memory_, std::uint64_t{kChunk} * kChunks, &fill_, &completion_, &memory);
    if (error != 0) fail("register memory with AF_XDP: {}", std::strerror(-error));
    xsk_socket_config config{};
    config.rx_size = kRing;
    config.tx_size = kRing;
    config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
    config.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP | kUseSg;
    error = xsk_socket__create(&socket_, options_.interface.c_str(), 0, umem_, &receive_, &transmit_, &config);
    if (error != 0) fail("open an AF_XDP socket on {}: {}", options_.interface, std::strerror(-error));
  }

  void attach() {
    bpf_object* programs = open_programs();
    if (const int error = bpf_object__load(programs); error != 0) fail("load the programs: {}", std::strerror(-error));
    const std::uint32_t queue = 0;
    const int socket = xsk_socket__fd(socket_);
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(programs, "sockets"), &queue, &socket, 0) != 0)
      fail("enter the socket into the map: {}", std::strerror(errno));
    link_ = bpf_program__attach_xdp(bpf_object__find_program_by_name(programs, "to_socket"),
                                    static_cast<int>(interface_index(options_.interface)));
    if (link_ == nullptr) fail("attach an XDP program to {}: {}", options_.interface, std::strerror(errno));
  }

  void count(const xdp_desc& buffer) {
    counts_.bytes += buffer.len;
    counts_.received += (buffer.options & kMoreFollows) == 0 ? 1 : 0;
  }

  std::uint32_t drop_batch() {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    const std::uint32_t buffers = xsk_ring_cons__peek(&receive_, kBatch, &from);
    if (buffers == 0) return 0;
    xsk_ring_prod__reserve(&fill_, buffers, &to);
    for (std::uint32_t i = 0; i < buffers; ++i) {
      const xdp_desc* buffer = xsk_ring_cons__rx_desc(&receive_, from + i);
      count(*buffer);
      *xsk_ring_prod__fill_addr(&fill_, to + i) = buffer->addr & ~std::uint64_t{kChunk - 1};
    }
    xsk_ring_prod__submit(&fill_, buffers);
    xsk_ring_cons__release(&receive_, buffers);
    return buffers;
  }

  std::uint32_t timed_drop_batch() {
    const std::uint64_t before = read_cycles();
    const std::uint64_t received = counts_.received;
    const std::uint32_t buffers = drop_batch();
    const std::uint64_t after = read_cycles();
    if (counts_.received != received) busy_.add(after - before, counts_.received - received);
    return buffers;
  }

  void complete() {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    const std::uint32_t buffers = xsk_ring_cons__peek(&completion_, kBatch, &from);
    if (buffers == 0) return;
    xsk_ring_prod__reserve(&fill_, buffers, &to);
    for (std::uint32_t i = 0; i < buffers; ++i)
      *xsk_ring_prod__fill_addr(&fill_, to + i) =
          *xsk_ring_cons__comp_addr(&completion_, from + i) & ~std::uint64_t{kChunk - 1};
    xsk_ring_prod__submit(&fill_, buffers);
    xsk_ring_cons__release(&completion_, buffers);
    sending_ -= buffers;
  }

  void swap_addresses(unsigned char* frame) {
    unsigned char other[6];
    std::memcpy(other, frame, 6);
    std::memcpy(frame, frame + 6, 6);
    std::memcpy(frame + 6, other, 6);
  }

  // There are as many buffers as a ring has slots, so no ring is ever too full.
  std::uint32_t echo_batch() {
    if (sending_ != 0) complete();
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    const std::uint32_t buffers = xsk_ring_cons__peek(&receive_, kBatch, &from);
    if (buffers == 0) return 0;
    xsk_ring_prod__reserve(&transmit_, buffers, &to);
    for (std::uint32_t i = 0; i < buffers; ++i) {
      const xdp_desc& buffer = *xsk_ring_cons__rx_desc(&receive_, from + i);
      count(buffer);
      if (first_) swap_addresses(memory_ + buffer.addr);
      first_ = (buffer.options & kMoreFollows) == 0;
      counts_.returned += first_ ? 1 : 0;
      *xsk_ring_prod__tx_desc(&transmit_, to + i) = buffer;
    }
    xsk_ring_prod__submit(&transmit_, buffers);
    xsk_ring_cons__release(&receive_, buffers);
    sending_ += buffers;
    return buffers;
  }

  void kick() {
    if (xsk_ring_prod__needs_wakeup(&transmit_) != 0)
      sendto(xsk_socket__fd(socket_), nullptr, 0, MSG_DONTWAIT, nullptr, 0);
  }

  void wait() {
    pollfd socket{xsk_socket__fd(socket_), POLLIN, 0};
    if (!options_.spin && sending_ == 0) {
      poll(&socket, 1, 100);
    } else if (xsk_ring_prod__needs_wakeup(&fill_) != 0) {
      recvfrom(xsk_socket__fd(socket_), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
    }
  }

  Options options_;
  unsigned char* memory_ = nullptr;
  xsk_umem* umem_ = nullptr;
  xsk_socket* socket_ = nullptr;
  bpf_link* link_ = nullptr;
  xsk_ring_prod fill_{}, transmit_{};
  xsk_ring_cons completion_{}, receive_{};
  std::uint32_t sending_ = 0;
  bool first_ = true;  // the next buffer begins a frame
  Counts counts_;
  BusyCycles busy_;
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app{"Receives and drops, or sends back, through libxdp alone."};
  app.add_option("--interface", options.interface)->required();
  app.add_flag("--echo", options.echo, "swap the MAC addresses and send back");
  app.add_flag("--spin", options.spin, "never wait");
  app.add_flag("--huge", options.huge, "2 MiB pages");
  app.add_option("--posted", options.posted, "buffers that the kernel has")->check(CLI::Range(1U, kRing));
  parse_or_exit(app, argc, argv);
  return options;
}

}  // namespace
}  // namespace netmem::bench

int main(int argc, char** argv) {
  const auto options = netmem::bench::parse(argc, argv);
  netmem::bench::begin();
  netmem::bench::Bare bare(options);
  netmem::bench::say_ready();
  while (!netmem::bench::stopped()) bare.work();
  fmt::print("{}\n", bare.json());
}
