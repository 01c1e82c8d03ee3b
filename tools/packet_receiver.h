// What `netmem recv --interface` does with the packets of one queue: their payload, in the order of arrival, goes to a
// digest and an output, whole frames to a capture. Payload in device memory is read through the copy engine, a batch
// at a time.
//
//   packets --copy_out, batched--> window (1 MiB, reused) --> digest, output;   capture buffer --> capture
//        `-- crc32c alone --> PageDigest, where the pages are
//
// Threads: the queue's.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "netmem/core/copy_engine.h"
#include "tools/digest.h"
#include "tools/packet_quota.h"
#include "tools/page_digest.h"
#include "tools/pcapng.h"
#include "tools/queue_work.h"
#include "tools/shared_output.h"

namespace netmem::tool {

class PacketReceiver final : public QueueWork {
 public:
  static constexpr std::size_t kWindow = 1 << 20;

  struct Plan {
    DigestKind digest = DigestKind::none;
    SharedOutput* output = nullptr;  // null: none
    CaptureFile* capture = nullptr;  // null: none
    PacketQuota* quota = nullptr;    // never null
    CopyEngine* engine = nullptr;    // of the payload's memory; null: no header split
  };
  explicit PacketReceiver(const Plan& plan);

  Result<void> process(XdpPort& port, std::span<Packet> packets) override;
  Result<void> finish(XdpPort& /*port*/) override { return flush(); }
  [[nodiscard]] std::string digest() override;
  [[nodiscard]] bool digest_on_device() const override {
    return page_digest_ && plan_.engine != nullptr && plan_.engine->digests_on_device();
  }
  [[nodiscard]] std::string output() const override { return plan_.output == nullptr ? "" : plan_.output->name(); }

 private:
  Result<void> digest_pages(std::span<const Packet> packets);
  Result<void> append(const Packet& packet);
  void capture(const Packet& packet);
  // Copies a part to the front of `to`, at once or with the batch; what is left of `to`.
  std::span<std::byte> copy(const Part& part, std::span<std::byte> to);
  Result<void> flush();

  Plan plan_;
  std::unique_ptr<Digest> digest_;
  std::optional<PageDigest> page_digest_;  // crc32c that nobody else wants the payload with
  PageDigest::Sum sum_;
  std::optional<CaptureBuffer> capture_;
  std::vector<std::byte> window_;  // empty: nobody wants the payload
  std::size_t filled_ = 0;
  std::vector<CopyOut> copies_;
};

}  // namespace netmem::tool
