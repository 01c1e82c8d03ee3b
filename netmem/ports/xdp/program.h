/* What the XDP program and the library agree on: names and layout of the program's maps. Read by a C compiler for BPF,
   too. Everything here is the kernel's and lives as long as some process holds the link (xdp_attachment.h). */
#pragma once

#include <linux/types.h>

/* Two flavours; the kernel keeps 15 characters of a name. */
#define NETMEM_XDP_FRAGS "netmem_frags" /* takes frames in several buffers */
#define NETMEM_XDP_PLAIN "netmem_plain"
#define NETMEM_XDP_MAX_MATCHES 4096

/* What a match sets, besides the queue; a bit of NetmemXdpQueue.shapes each. */
enum NetmemXdpShape {
  netmem_xdp_any, /* nothing: every frame */
  netmem_xdp_protocol,
  netmem_xdp_port, /* and protocol */
  netmem_xdp_address,
  netmem_xdp_port_address,
};

/* Key of map netmem_matches (hash). What the shape does not set is zero. */
struct NetmemXdpMatch {
  __u32 queue;
  __u16 port; /* destination, network order */
  __u8 protocol;
  __u8 shape;
  __u8 address[16]; /* destination, network order; IPv4 as ::ffff:a.b.c.d */
};

/* Map netmem_queues (array by queue, which programs may map): all that the program reads and writes for a frame that
   any match takes, in one cache line and on one page. */
struct NetmemXdpQueue {
  __u64 shapes;     /* that matches of the queue have, so that only those are looked up */
  __u64 redirected; /* frames given to the socket */
  __u64 shared;     /* not 0: several processors may receive for the queue, as the stack does in generic mode */
  __u64 unused[5];
};

/* Map netmem_sockets: XSKMAP by queue. */
