/* What the XDP program and the library agree on: names and layout of the program's maps. Read by a C compiler for BPF,
   too. Everything here is the kernel's and lives as long as some process holds the link (xdp_attachment.h). */
#ifndef NETMEM_PORTS_XDP_PROGRAM_H_
#define NETMEM_PORTS_XDP_PROGRAM_H_

#include <linux/types.h>

/* Two flavours; the kernel keeps 15 characters of a name. */
#define NETMEM_XDP_FRAGS "netmem_frags" /* takes frames in several buffers */
#define NETMEM_XDP_PLAIN "netmem_plain"
#define NETMEM_XDP_MAX_MATCHES 4096

/* What a match sets, besides the queue; a bit of netmem_xdp_queue.shapes each. */
enum netmem_xdp_shape {
  NETMEM_XDP_ANY, /* nothing: every frame */
  NETMEM_XDP_PROTOCOL,
  NETMEM_XDP_PORT, /* and protocol */
  NETMEM_XDP_ADDRESS,
  NETMEM_XDP_PORT_ADDRESS,
  NETMEM_XDP_SHAPES,
};

/* Key of map netmem_matches (hash). What the shape does not set is zero. */
struct netmem_xdp_match {
  __u32 queue;
  __u16 port; /* destination, network order */
  __u8 protocol;
  __u8 shape;
  __u8 address[16]; /* destination, network order; IPv4 as ::ffff:a.b.c.d */
};

/* Map netmem_queues (array by queue, which programs may map): the shapes that matches of the queue have, so that only
   those are looked up. */
struct netmem_xdp_queue {
  __u64 shapes;
};

/* Map netmem_sockets (XSKMAP by queue); map netmem_redirected (per-CPU array by queue): frames given to the socket. */

#endif
