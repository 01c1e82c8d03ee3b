#include "tests/weak/arena.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace netmem::weak {
namespace {

constexpr std::size_t kSize = std::size_t{64} << 20;
constexpr std::size_t kPage = 4096;

struct Header {
  std::size_t size;
  std::size_t alignment;
};

std::byte* base = nullptr;
std::size_t used = 0;
bool in_use = false;
// Freed pages that must not be touched any more.
struct Hole {
  void* at;
  std::size_t size;
};
Hole holes[16];
int hole_count = 0;

std::size_t round_up(std::size_t size, std::size_t to) { return (size + to - 1) & ~(to - 1); }

void* allocate(std::size_t size, std::size_t alignment) {
  if (in_use) return Arena::take(size, alignment);
  void* at =
      alignment <= 16 ? std::malloc(size == 0 ? 1 : size) : std::aligned_alloc(alignment, round_up(size, alignment));
  if (at == nullptr) std::abort();
  return at;
}

void release(void* at) {
  if (at == nullptr) return;
  if (!Arena::holds(at)) return std::free(at);
  Header header;
  std::memcpy(&header, static_cast<std::byte*>(at) - sizeof header, sizeof header);
  freed(at, header.size);
  // Objects with a line of their own have pages of their own, too: whoever touches them now, crashes.
  if (header.alignment < kPage || hole_count == 16) return;
  holes[hole_count++] = {at, round_up(header.size, kPage)};
  ::mprotect(at, round_up(header.size, kPage), PROT_NONE);
}

}  // namespace

bool Arena::use(bool on) {
  const bool before = in_use;
  in_use = on;
  return before;
}

void Arena::reset() {
  if (base == nullptr) {
    void* at = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) std::abort();
    base = static_cast<std::byte*>(at);
  }
  while (hole_count != 0) {
    --hole_count;
    ::mprotect(holes[hole_count].at, holes[hole_count].size, PROT_READ | PROT_WRITE);
  }
  std::memset(base, 0, used);
  used = 0;
}

std::uintptr_t Arena::end() { return reinterpret_cast<std::uintptr_t>(base + used); }

bool Arena::holds(const void* at) { return at >= base && at < base + kSize; }

void* Arena::take(std::size_t size, std::size_t alignment) {
  if (alignment >= 64) alignment = kPage;
  if (alignment < 16) alignment = 16;
  const std::size_t start = round_up(used + sizeof(Header), alignment);
  used = start + (alignment == kPage ? round_up(size, kPage) : size);
  if (used > kSize) std::abort();
  const Header header{size, alignment};
  std::memcpy(base + start - sizeof header, &header, sizeof header);
  return base + start;
}

}  // namespace netmem::weak

using netmem::weak::allocate;
using netmem::weak::release;

void* operator new(std::size_t size) { return allocate(size, 16); }
void* operator new[](std::size_t size) { return allocate(size, 16); }
void* operator new(std::size_t size, std::align_val_t alignment) { return allocate(size, std::size_t(alignment)); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return allocate(size, std::size_t(alignment)); }
void operator delete(void* at) noexcept { release(at); }
void operator delete[](void* at) noexcept { release(at); }
void operator delete(void* at, std::size_t) noexcept { release(at); }
void operator delete[](void* at, std::size_t) noexcept { release(at); }
void operator delete(void* at, std::align_val_t) noexcept { release(at); }
void operator delete[](void* at, std::align_val_t) noexcept { release(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { release(at); }
void operator delete[](void* at, std::size_t, std::align_val_t) noexcept { release(at); }
