// Host memory whose copy engine gathers late: at the poll or wait that says so, or not at all. Tests only.
#pragma once

#include <optional>
#include <utility>

#include "netmem/base/check.h"
#include "netmem/providers/common/region_provider.h"

namespace netmem {

class LateProvider final : public RegionProvider {
 public:
  static std::shared_ptr<LateProvider> create(std::size_t size) {
    std::shared_ptr<LateProvider> provider(new LateProvider(Mapping::anonymous(size).value()));
    NETMEM_CHECK(provider->cut({.name = "late", .size = size}, nullptr), "cut %zu bytes", size);
    return provider;
  }

  [[nodiscard]] std::string name() const override { return "late"; }
  [[nodiscard]] std::string describe() const override { return "late: host memory for tests"; }
  [[nodiscard]] CopyEngine& copy_engine() override { return engine_; }

  // Polls that still say "not yet"; the next end is an error.
  int polls_left = 0;
  bool fails = false;
  int begun = 0;
  int ended = 0;

 private:
  class Engine final : public CopyEngine {
   public:
    explicit Engine(LateProvider& provider) : provider_(provider) {}
    Result<void> copy_in(std::span<const CopyIn> batch) override { return host_.copy_in(batch); }
    Result<void> copy_out(std::span<const CopyOut> batch) override { return host_.copy_out(batch); }
    Result<CopyTicket> begin_gather(std::span<const GatherPiece> pieces, const Destination& to) override {
      if (auto fits = check_gather(pieces, to); !fits) return std::unexpected(fits.error());
      pieces_.assign(pieces.begin(), pieces.end());
      to_ = to;
      return static_cast<CopyTicket>(++provider_.begun);
    }
    Result<bool> poll(CopyTicket ticket) override {
      if (provider_.polls_left-- > 0) return false;
      if (auto done = wait(ticket); !done) return std::unexpected(done.error());
      return true;
    }
    Result<void> wait(CopyTicket ticket) override {
      NETMEM_CHECK(static_cast<int>(ticket) == ++provider_.ended, "ticket %d has ended", static_cast<int>(ticket));
      if (std::exchange(provider_.fails, false)) return refused("gather", "the cable is loose");
      if (auto done = host_.begin_gather(pieces_, to_); !done) return std::unexpected(done.error());
      return {};
    }

   private:
    LateProvider& provider_;
    HostCopyEngine host_;
    std::vector<GatherPiece> pieces_;
    Destination to_;
  };

  explicit LateProvider(Mapping memory) : RegionProvider(std::move(memory)) {}

  Engine engine_{*this};
};

}  // namespace netmem
