#include "netmem/ports/stream/page_run.h"

#include <algorithm>

namespace netmem {
namespace {

std::size_t most_pages(std::size_t read_size, std::size_t page_size) {
  // One more than fresh ones: the open page.
  return std::min((read_size + page_size - 1) / page_size + 1, IoVector::kMost);
}

}  // namespace

ssize_t IoVector::read(int socket) const {
  for (;;) {
    const ssize_t count = ::readv(socket, entries_.data(), static_cast<int>(entries_.size()));
    if (count >= 0) return count;
    if (errno != EINTR) return -errno;
  }
}

// A pool's cache is a stack, so pages that came home in order leave it in the opposite one.
std::size_t alloc_run(PagePool& pool, std::span<Netmem> out) noexcept {
  const std::size_t count = pool.try_alloc(out);
  if (count > 1 && out[0].descriptor().address > out[count - 1].descriptor().address)
    std::reverse(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

PageRun::PageRun(PagePool& pool, std::size_t read_size, std::size_t message_size)
    : pool_(pool),
      room_size_(static_cast<std::uint32_t>(message_size != 0 ? message_size : pool.page_size())),
      whole_messages_(message_size != 0),
      read_size_(read_size),
      pages_(most_pages(read_size, pool.page_size())) {
  NETMEM_CHECK(room_size_ <= pool.page_size(), "a page of %zu bytes holds no message of %u", pool.page_size(),
               room_size_);
}

bool PageRun::gather(const OpenPage& open, std::size_t most) noexcept {
  NETMEM_CHECK(count_ == 0, "%zu pages of the last read were neither settled nor put back", count_);
  most = std::min(most, pages_.size());
  std::size_t fresh = (read_size_ + room_size_ - 1) / room_size_;
  fresh_ = 0;
  first_offset_ = 0;
  if (open.page) {
    pages_[0] = open.page;
    fresh_ = 1;
    first_offset_ = open.used;
    const std::size_t rest = room_size_ - open.used;
    fresh = rest >= read_size_ ? 0 : (read_size_ - rest + room_size_ - 1) / room_size_;
  }
  fresh = std::min(fresh, most - fresh_);
  count_ = fresh_ + alloc_run(pool_, std::span(pages_).subspan(fresh_, fresh));
  return count_ != 0;
}

bool PageRun::expose(IoVector& io) const noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    const Room room = this->room(i);
    std::byte* window = room.page.region().io_window(room.page);
    if (window == nullptr) [[unlikely]]
      return false;
    io.add(window + room.offset, room.size);
  }
  return true;
}

void PageRun::put_back() noexcept { recycle_from(fresh_); }

// Last first, so that the pages come out of the pool's stack in the order in which they would have been filled.
void PageRun::recycle_from(std::size_t first) noexcept {
  while (count_ > first) pool_.recycle(pages_[--count_], 0);
  count_ = 0;
}

}  // namespace netmem
