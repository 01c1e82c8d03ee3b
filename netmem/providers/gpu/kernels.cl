// The kernels of DeviceApi, in OpenCL C: OpenCL compiles them at run time, scripts/make-kernels makes kernels.ptx of
// them for CUDA, and the tests' CUDA driver runs them as C++ on the CPU. kernels.h has the host's side: the numbers
// here are its numbers.
//
// A group of work items does one tile of at most 4 KiB. No barriers and no local memory. Little-endian.

#ifdef __NVPTX__
#define get_group_id(dimension) ((ulong)__nvvm_read_ptx_sreg_ctaid_x())
#define get_local_id(dimension) ((ulong)__nvvm_read_ptx_sreg_tid_x())
#define atomic_xor(where, value) __atomic_fetch_xor(where, value, __ATOMIC_RELAXED)
#endif

#define GATHER_ITEMS 64
#define DIGEST_ITEMS 32
#define CHUNK 128

// Bytes `shift` .. `shift` + 15 of the 32 bytes of `low` and `high`; `shift` is 1 .. 15, the same for the whole tile.
static uint4 netmem_funnel(uint4 low, uint4 high, uint shift) {
  const int two = (shift & 8) != 0, one = (shift & 4) != 0;
  const uint bits = (shift & 3) * 8;
  const uint a0 = two ? low.z : low.x, a1 = two ? low.w : low.y;
  const uint a2 = two ? high.x : low.z, a3 = two ? high.y : low.w;
  const uint a4 = two ? high.z : high.x, a5 = two ? high.w : high.y;
  const uint b0 = one ? a1 : a0, b1 = one ? a2 : a1, b2 = one ? a3 : a2, b3 = one ? a4 : a3, b4 = one ? a5 : a4;
  uint4 out;
  out.x = (uint)((((ulong)b1 << 32) | b0) >> bits);
  out.y = (uint)((((ulong)b2 << 32) | b1) >> bits);
  out.z = (uint)((((ulong)b3 << 32) | b2) >> bits);
  out.w = (uint)((((ulong)b4 << 32) | b3) >> bits);
  return out;
}

// Tile: offset in `from`, offset in `to`, size. `from` has `from_size` bytes; nothing else of it is read, so that the
// 16-byte words at its ends, where they are not all its own, are copied byte by byte.
__kernel void netmem_gather(__global const uchar* from, ulong from_size, __global uchar* to,
                            __global const ulong* tiles) {
  const ulong item = get_local_id(0);
  __global const ulong* tile = tiles + 3 * (ulong)get_group_id(0);
  __global const uchar* source = from + tile[0];
  __global uchar* target = to + tile[1];
  const uint size = (uint)tile[2];

  uint head = (uint)(16 - ((ulong)target & 15)) & 15;
  if (head > size) head = size;
  uint words = (size - head) / 16;
  const uint shift = (uint)((ulong)(source + head) & 15);
  if (words > 0 && (ulong)(source + head) - shift < (ulong)from) {
    head += 16;
    --words;
  }
  if (words > 0 && shift != 0 && (ulong)(source + head) - shift + 16 * (ulong)words + 16 > (ulong)from + from_size) {
    --words;
  }
  const uint tail = head + 16 * words;  // head and tail: less than 32 bytes each, of one work item each

  __global const uint4* in = (__global const uint4*)(source + head - shift);
  __global uint4* out = (__global uint4*)(target + head);
  if (shift == 0) {
    for (uint i = (uint)item; i < words; i += 4 * GATHER_ITEMS) {
      const uint j = i + GATHER_ITEMS, k = j + GATHER_ITEMS, l = k + GATHER_ITEMS;
      const uint4 a = in[i];
      uint4 b = a, c = a, d = a;
      if (j < words) b = in[j];
      if (k < words) c = in[k];
      if (l < words) d = in[l];
      out[i] = a;
      if (j < words) out[j] = b;
      if (k < words) out[k] = c;
      if (l < words) out[l] = d;
    }
  } else {
    for (uint i = (uint)item; i < words; i += 2 * GATHER_ITEMS) {
      const uint j = i + GATHER_ITEMS;
      const uint4 a = in[i], a_next = in[i + 1];
      uint4 b = a, b_next = a;
      if (j < words) b = in[j];
      if (j < words) b_next = in[j + 1];
      out[i] = netmem_funnel(a, a_next, shift);
      if (j < words) out[j] = netmem_funnel(b, b_next, shift);
    }
  }

  if (item < 32) {
    if (item < head) target[item] = source[item];
  } else if (tail + item - 32 < size) {
    target[tail + item - 32] = source[tail + item - 32];
  }
}

static uint netmem_crc_of_byte(__global const uint* tables, uint crc, uint byte) {
  return (crc >> 8) ^ tables[(crc ^ byte) & 255];
}

static uint netmem_crc_of_word(__global const uint* tables, uint crc, uint word) {
  const uint x = crc ^ word;
  return tables[768 + (x & 255)] ^ tables[512 + (x >> 8 & 255)] ^ tables[256 + (x >> 16 & 255)] ^ tables[x >> 24];
}

// The product of two polynomials modulo that of CRC-32C, all of them with x^0 in bit 31.
static uint netmem_multiply(uint a, uint b) {
  uint product = 0;
  for (int i = 0; i < 32; ++i) {
    product ^= b & (0u - (a >> 31));
    a <<= 1;
    b = (b >> 1) ^ (0x82f63b78u & (0u - (b & 1)));
  }
  return product;
}

// Tile: offset, size, how many whole chunks of its range are behind it, number of its range, and whether it begins the
// range. A work item computes the CRC of a chunk, counted from the end of the range, times x^(8 * bytes behind it).
// Tables: 4 of 256 for a byte 0 .. 3 bytes before the end of a word, then 4 of 256: entry n of table t is
// x^(8 * CHUNK * n * 256^t).
// Results, a uint each, are behind the tiles, at the word `results`.
__kernel void netmem_digest(__global const uchar* from, __global ulong* tiles, ulong results,
                            __global const uint* tables) {
  const ulong item = get_local_id(0);
  __global const ulong* tile = tiles + 5 * (ulong)get_group_id(0);
  const uint size = (uint)tile[1];
  const uint behind = (uint)item * CHUNK;
  if (behind >= size) return;
  const uint end_of_chunk = size - behind;
  const uint begin_of_chunk = end_of_chunk > CHUNK ? end_of_chunk - CHUNK : 0;

  __global const uchar* at = from + tile[0] + begin_of_chunk;
  __global const uchar* end = from + tile[0] + end_of_chunk;
  uint crc = begin_of_chunk == 0 && tile[4] != 0 ? 0xffffffffu : 0;
  for (; at != end && ((ulong)at & 15) != 0; ++at) crc = netmem_crc_of_byte(tables, crc, *at);
  for (; (ulong)end - (ulong)at >= 16; at += 16) {
    const uint4 words = *(__global const uint4*)at;
    crc = netmem_crc_of_word(tables, crc, words.x);
    crc = netmem_crc_of_word(tables, crc, words.y);
    crc = netmem_crc_of_word(tables, crc, words.z);
    crc = netmem_crc_of_word(tables, crc, words.w);
  }
  for (; at != end; ++at) crc = netmem_crc_of_byte(tables, crc, *at);

  const uint chunks = (uint)tile[2] + (uint)item;
  for (uint t = 0; t < 4; ++t) {
    const uint digit = chunks >> (8 * t) & 255;
    if (digit != 0) crc = netmem_multiply(crc, tables[1024 + 256 * t + digit]);
  }
  atomic_xor((__global uint*)(tiles + results) + tile[3], crc);
}
