#include "tools/page_digest.h"

#include "netmem/base/crc32c.h"
#include "netmem/core/page.h"

namespace netmem::tool {

// The sums may have gone already: nobody asks for them.
PageDigest::~PageDigest() {
  const CopyTicket ticket = under_way_ ? batches_[1 - next_].ticket : CopyTicket::done;
  if (ticket != CopyTicket::done) {
    [[maybe_unused]] const Result<void> nobody_asks = engine_->wait(ticket);
  }
  for (Batch& batch : batches_) clear(batch);
}

void PageDigest::add(Sum& sum, const GatherPiece& piece) {
  const bool on_device = piece.from.is_device();
  std::uint32_t crc = 0;
  if (on_device) {
    next().pieces.push_back(piece);
  } else {
    crc = crc32c(Page(piece.from).bytes().subspan(piece.offset, piece.size));
  }
  next().parts.push_back({&sum, piece.size, crc, on_device});
}

Result<void> PageDigest::begin() {
  if (Result<void> ended = end_batch(); !ended) return ended;
  Batch& batch = next();
  batch.crcs.resize(batch.pieces.size());
  if (!batch.pieces.empty()) {
    const auto ticket = engine_->begin_crc32c(batch.pieces, batch.crcs);
    if (!ticket) return std::unexpected(ticket.error());
    batch.ticket = *ticket;
  }
  next_ = 1 - next_;
  under_way_ = true;
  return batch.ticket == CopyTicket::done ? end_batch() : Result<void>();
}

Result<void> PageDigest::finish() {
  if (Result<void> begun = begin(); !begun) return begun;
  return end_batch();
}

// The one under way.
Result<void> PageDigest::end_batch() {
  if (!under_way_) return {};
  under_way_ = false;
  Batch& batch = batches_[1 - next_];
  Result<void> done;
  if (batch.ticket != CopyTicket::done) done = engine_->wait(batch.ticket);
  if (done) combine(batch);
  clear(batch);
  return done;
}

void PageDigest::combine(const Batch& batch) {
  auto crc = batch.crcs.begin();
  for (const Part& part : batch.parts)
    part.sum->crc = crc32c_combine(part.sum->crc, part.on_device ? *crc++ : part.crc, part.size);
}

void PageDigest::clear(Batch& batch) {
  drop(batch.pages);
  batch.parts.clear();
  batch.pieces.clear();
  batch.pages.clear();
  batch.ticket = CopyTicket::done;
}

}  // namespace netmem::tool
