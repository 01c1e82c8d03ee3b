// The kernel's part of the comparison: what makes the frames, what counts those that come back, and the shortest
// program that hands frames to an AF_XDP socket.
// clang-format off: bpf_helpers.h wants bpf.h first
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
// clang-format on

// Set by bench/xdp/generate.cc before loading.
struct settings {
  __u32 interface;  // to send from
  __u32 through;    // where clones begin
  __u64 frame_size;
  __u64 burst;     // frames that are sent at once
  __u64 burst_ns;  // from one burst to the next; 0: as fast as it goes
};
const volatile struct settings settings = {};

// Read while the programs run; one processor runs them.
struct sent {
  __u64 frames;
  __u64 refused;  // only send_clones sees it; the interface counts it for both
};
struct sent sent SEC(".data.sent") = {};

static __u64 left;
static __u64 next_ns;

static __always_inline int due(void) {
  if (settings.burst_ns == 0) return 1;
  if (left == 0) {
    __u64 now = bpf_ktime_get_ns();
    if (next_ns == 0) next_ns = now;
    if (now < next_ns) return 0;
    next_ns += settings.burst_ns;
    left = settings.burst;
  }
  --left;
  return 1;
}

// Frames that fit a page: the kernel allocates one after the other and this program says where to.
SEC("xdp")
int send_live(struct xdp_md* context) {
  if (!due()) return XDP_DROP;
  ++sent.frames;
  return bpf_redirect(settings.interface, 0);
}

// Larger ones: clones of one packet, which grows to its size first. They go through a veth pair on this side, where
// `forward` turns them into XDP frames of several buffers: whoever receives need not copy them first.
SEC("tc")
int send_clones(struct __sk_buff* packet) {
  if (!due()) return 0;
  if (packet->len != settings.frame_size && bpf_skb_change_tail(packet, settings.frame_size, 0) != 0) return -1;
  if (bpf_clone_redirect(packet, settings.through, 0) != 0) ++sent.refused;
  ++sent.frames;
  return 0;
}

SEC("xdp.frags")
int forward(struct xdp_md* context) { return bpf_redirect(settings.interface, 0); }

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} returned SEC(".maps");

// The end of what was echoed.
SEC("xdp.frags")
int count_and_drop(struct xdp_md* context) {
  __u32 key = 0;
  __u64* count = bpf_map_lookup_elem(&returned, &key);
  if (count) ++*count;
  return XDP_DROP;
}

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} sockets SEC(".maps");

SEC("xdp.frags")
int to_socket(struct xdp_md* context) { return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS); }

char license_name[] SEC("license") = "Dual MIT/GPL";
