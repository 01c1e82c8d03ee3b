// The XDP program: gives a queue's socket the frames that match, and leaves everything else to the kernel.
//
// A queue without matches costs one look into an array; a frame that any match takes is not parsed. Frames that cannot
// be parsed, IP without a match and queues without a socket pass. Nothing is changed, nothing is dropped.
//
// Sources: IEEE 802.1Q, RFC 791, RFC 8200, RFC 4302 (lengths of headers); Documentation/networking/af_xdp.rst.
#include "netmem/ports/xdp/program.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#define MOST_TAGS 2
#define MOST_EXTENSIONS 8
#define IP_MORE_OR_OFFSET 0x3fff

// The loader gives the two that go by queue their size.
struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} netmem_sockets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct NetmemXdpQueue);
} netmem_queues SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, NETMEM_XDP_MAX_MATCHES);
  __type(key, struct NetmemXdpMatch);
  __type(value, __u32);
} netmem_matches SEC(".maps");

struct vlan_tag {
  __be16 control;
  __be16 type;
};

// What all extension headers begin with.
struct extension {
  __u8 next;
  __u8 length;
  __be16 fragment;  // of the fragment header
};

struct frame {
  void* cursor;
  void* end;
  __u8 protocol;
  __u8 fragment;
  __u8 address[16];
};

static __always_inline int read_ipv4(struct frame* frame) {
  struct iphdr* ip = frame->cursor;
  if ((void*)(ip + 1) > frame->end || ip->version != 4 || ip->ihl < 5) return -1;
  frame->protocol = ip->protocol;
  frame->fragment = (ip->frag_off & bpf_htons(IP_MORE_OR_OFFSET)) != 0;
  frame->address[10] = frame->address[11] = 0xff;
  __builtin_memcpy(frame->address + 12, &ip->daddr, 4);
  frame->cursor += (__u32)ip->ihl * 4;
  return 0;
}

// How many bytes the extension header has; 0: what begins here is none.
static __always_inline __u32 extension_size(__u8 protocol, const struct extension* header) {
  switch (protocol) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
      return ((__u32)header->length + 1) * 8;
    case IPPROTO_FRAGMENT:
      return 8;
    case IPPROTO_AH:
      return ((__u32)header->length + 2) * 4;
    default:
      return 0;
  }
}

static __always_inline int read_ipv6(struct frame* frame) {
  struct ipv6hdr* ip = frame->cursor;
  if ((void*)(ip + 1) > frame->end || ip->version != 6) return -1;
  __builtin_memcpy(frame->address, &ip->daddr, 16);
  frame->protocol = ip->nexthdr;
  frame->cursor = ip + 1;
  for (int i = 0; i < MOST_EXTENSIONS; ++i) {
    struct extension* header = frame->cursor;
    if ((void*)(header + 1) > frame->end) return 0;  // too short for ports, too
    const __u32 size = extension_size(frame->protocol, header);
    if (size == 0) return 0;
    if (frame->protocol == IPPROTO_FRAGMENT) {
      frame->fragment = 1;
      frame->protocol = header->next;
      return 0;
    }
    frame->protocol = header->next;
    frame->cursor += size;
  }
  return 0;
}

// Finds protocol and address; the cursor is at the transport header then.
static __always_inline int read_headers(struct frame* frame) {
  struct ethhdr* ethernet = frame->cursor;
  if ((void*)(ethernet + 1) > frame->end) return -1;
  __be16 type = ethernet->h_proto;
  frame->cursor = ethernet + 1;
#pragma unroll
  for (int i = 0; i < MOST_TAGS; ++i) {
    if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)) break;
    struct vlan_tag* tag = frame->cursor;
    if ((void*)(tag + 1) > frame->end) return -1;
    type = tag->type;
    frame->cursor = tag + 1;
  }
  if (type == bpf_htons(ETH_P_IP)) return read_ipv4(frame);
  if (type == bpf_htons(ETH_P_IPV6)) return read_ipv6(frame);
  return -1;
}

// The destination port; 0: there is none.
static __always_inline __be16 read_port(const struct frame* frame) {
  if (frame->fragment || (frame->protocol != IPPROTO_UDP && frame->protocol != IPPROTO_TCP)) return 0;
  const struct udphdr* header = frame->cursor;  // TCP's ports are in the same place
  if ((void*)header + 4 > frame->end) return 0;
  return header->dest;
}

static __always_inline int is_wanted(__u64 shapes, __u8 shape, struct NetmemXdpMatch* key) {
  if (!(shapes & (1ULL << shape))) return 0;
  key->shape = shape;
  return bpf_map_lookup_elem(&netmem_matches, key) != 0;
}

static __always_inline int matches(struct xdp_md* context, __u64 shapes) {
  struct frame frame = {.cursor = (void*)(long)context->data, .end = (void*)(long)context->data_end};
  if (read_headers(&frame) != 0) return 0;
  const __be16 port = read_port(&frame);
  struct NetmemXdpMatch key = {.queue = context->rx_queue_index, .protocol = frame.protocol};
  if (is_wanted(shapes, netmem_xdp_protocol, &key)) return 1;
  key.port = port;
  if (port != 0 && is_wanted(shapes, netmem_xdp_port, &key)) return 1;
  __builtin_memcpy(key.address, frame.address, 16);
  if (port != 0 && is_wanted(shapes, netmem_xdp_port_address, &key)) return 1;
  key.port = 0;
  return is_wanted(shapes, netmem_xdp_address, &key);
}

// A driver receives for a queue on one processor at a time, so that its count needs no atomic.
static __always_inline int redirect(struct NetmemXdpQueue* queue, __u32 index) {
  const int action = (int)bpf_redirect_map(&netmem_sockets, index, XDP_PASS);
  if (action != XDP_REDIRECT) return action;
  if (queue->shared) {
    __sync_fetch_and_add(&queue->redirected, 1);
  } else {
    ++queue->redirected;
  }
  return action;
}

static __always_inline int choose(struct xdp_md* context) {
  __u32 queue = context->rx_queue_index;
  struct NetmemXdpQueue* entry = bpf_map_lookup_elem(&netmem_queues, &queue);
  if (!entry || entry->shapes == 0) return XDP_PASS;
  const __u64 shapes = entry->shapes;
  if (!(shapes & (1ULL << netmem_xdp_any)) && !matches(context, shapes)) return XDP_PASS;
  return redirect(entry, queue);
}

SEC("xdp.frags") int netmem_frags(struct xdp_md* context) { return choose(context); }
SEC("xdp") int netmem_plain(struct xdp_md* context) { return choose(context); }

// No helper above is for GPL programs only.
char _license[] SEC("license") = "Apache-2.0";
