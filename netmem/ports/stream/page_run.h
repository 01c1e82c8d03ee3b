// The pages of one read: the rest of a connection's open page, then fresh ones; afterwards, the views of what was
// filled.
//
//   gather:  [ open page |....room ][ fresh ][ fresh ][ fresh ]
//   settle:  [ open page |##view## ][ #view ][ #v..   ]-> recycled
//                                             `-- the connection's open page from now on
//
// With a message size, each page takes one message and its view is made when that is complete:
//   settle:  [ open page |#######] [ message ][ message ][ #...  ]
//              `-- one view of both parts                `-- the open page: a part of a message, no view of it yet
//
// Threads: the pool's consumer. Nothing here allocates heap memory after the constructor.
// Invariants:
//  1. Each gathered page is settled or put back before the next gather.
//  2. An open page has room; the connection holds one reference to it, each view of it one more.
//  3. With a message size: an open page holds a part of a message, and nobody but the connection (and the copies that
//     are on their way there) holds it.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "netmem/pool/page_pool.h"
#include "netmem/ports/stream/port.h"

namespace netmem {

struct OpenPage {
  Netmem page;             // empty: none
  std::uint32_t used = 0;  // bytes from its beginning; less than a page
};

// Where the kernel may write, for readv: neighbours in memory become one entry.
class IoVector {
 public:
  // The kernel takes no more in one call (UIO_MAXIOV, include/uapi/linux/uio.h).
  static constexpr std::size_t kMost = 1024;

  explicit IoVector(std::size_t most) { entries_.reserve(most); }

  void clear() {
    entries_.clear();
    size_ = 0;
  }
  // REQUIRES: fewer than `most` entries.
  void add(std::byte* data, std::size_t size) {
    size_ += size;
    if (!entries_.empty() && static_cast<std::byte*>(entries_.back().iov_base) + entries_.back().iov_len == data)
      entries_.back().iov_len += size;
    else
      entries_.push_back({data, size});
  }
  [[nodiscard]] std::size_t size() const { return size_; }  // bytes

  // Reads once; 0 at the stream's end, -errno.
  [[nodiscard]] ssize_t read(int socket) const;

 private:
  std::vector<iovec> entries_;
  std::size_t size_ = 0;
};

class PageRun {
 public:
  // For reads of `read_size` bytes, rounded up to whole pages. `message_size`: of the messages, each of which gets a
  // page of its own; 0: bytes go into pages as they come. REQUIRES: a page holds a message.
  PageRun(PagePool& pool, std::size_t read_size, std::size_t message_size);

  // How many pages a run may have.
  [[nodiscard]] std::size_t most() const { return pages_.size(); }

  // Takes what the pool has, at most `most` pages with the open one. False: not one.
  bool gather(const OpenPage& open, std::size_t most) noexcept;

  // The room in page `i` of the run, and in all.
  struct Room {
    Netmem page;
    std::uint32_t offset;
    std::uint32_t size;
  };
  [[nodiscard]] Room room(std::size_t i) const {
    const std::uint32_t offset = i == 0 ? first_offset_ : 0;
    return {pages_[i], offset, room_size_ - offset};
  }
  [[nodiscard]] std::size_t pages() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return count_ * room_size_ - first_offset_; }

  [[nodiscard]] bool whole_messages() const { return whole_messages_; }

  // Adds the whole room to `io`. False: the kernel cannot write one of the pages.
  bool expose(IoVector& io) const noexcept;

  // The first `bytes` were filled: gives a view for each page of them to `put`, in order, updates `open`, and recycles
  // the rest. REQUIRES: 0 < bytes <= bytes().
  template <class Put>  // void(View&&)
  void settle(std::size_t bytes, OpenPage& open, Put put) noexcept {
    open = {};
    const std::uint32_t room_size = room_size_;
    const bool whole_messages = whole_messages_;
    std::uint32_t begin = first_offset_;
    std::size_t i = 0;
    for (; bytes != 0; ++i, begin = 0) {
      const Netmem page = pages_[i];
      const auto end = static_cast<std::uint32_t>(std::min<std::size_t>(begin + bytes, room_size));
      bytes -= end - begin;
      if (end < room_size) {
        open = {page, end};
        if (whole_messages) continue;  // the last one
        retain(page);
      }
      const std::uint32_t from = whole_messages ? 0 : begin;
      put(View(Ref(page), from, end - from));
    }
    recycle_from(i);
  }
  // Nothing was filled.
  void put_back() noexcept;

 private:
  void recycle_from(std::size_t first) noexcept;

  PagePool& pool_;
  std::uint32_t room_size_;  // bytes of a page that are filled
  bool whole_messages_;
  std::size_t read_size_;
  std::vector<Netmem> pages_;
  std::size_t count_ = 0;
  std::size_t fresh_ = 0;  // the first page that is not the open one: 0 or 1
  std::uint32_t first_offset_ = 0;
};

// Takes up to out.size() pages in an order in which neighbours in memory tend to follow each other; how many.
std::size_t alloc_run(PagePool& pool, std::span<Netmem> out) noexcept;

}  // namespace netmem
