// CRC-32C of several streams, computed where their pages are instead of on a copy: by the device whose memory they are,
// or by the CPU in the page itself.
//
//   add, hold --> next batch --begin--> under way --> each piece's CRC joins its stream's, in order; pages are dropped
//
// One batch is under way while the next one is put together. Used again it takes no memory.
// Threads: one.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "netmem/core/copy_engine.h"
#include "tools/digest.h"

namespace netmem::tool {

class PageDigest {
 public:
  // Of a stream so far.
  struct Sum {
    std::uint32_t crc = 0;
    [[nodiscard]] std::string hex() const { return crc32c_text(crc); }
  };

  // `engine` is of the device memory that pieces are in. REQUIRES: not null where there are such pieces.
  explicit PageDigest(CopyEngine* engine) : engine_(engine) {}
  PageDigest(const PageDigest&) = delete;
  PageDigest& operator=(const PageDigest&) = delete;
  ~PageDigest();

  // The stream goes on with this piece. REQUIRES: sum and page stay until the batch is done.
  void add(Sum& sum, const GatherPiece& piece);
  // Takes over a reference and drops it when the batch is done.
  void hold(Netmem page) { next().pages.push_back(page); }
  // Starts what was added, once what is under way is done. After an error the sums mean nothing any more.
  Result<void> begin();
  // All that was added is in the sums.
  Result<void> finish();

  [[nodiscard]] bool under_way() const { return under_way_; }

 private:
  struct Part {
    Sum* sum;
    std::uint32_t size;
    std::uint32_t crc;  // of host memory; the device's come later
    bool on_device;
  };
  struct Batch {
    std::vector<Part> parts;
    std::vector<GatherPiece> pieces;  // of the parts on the device
    std::vector<std::uint32_t> crcs;  // of these
    std::vector<Netmem> pages;
    CopyTicket ticket = CopyTicket::done;
  };

  [[nodiscard]] Batch& next() { return batches_[next_]; }
  Result<void> end_batch();
  static void combine(const Batch& batch);
  static void clear(Batch& batch);

  CopyEngine* engine_;
  std::array<Batch, 2> batches_;
  std::size_t next_ = 0;  // the batch that is put together; the other one may be under way
  bool under_way_ = false;
};

}  // namespace netmem::tool
