#include "bench/experiment/elsewhere_loops.h"

#include <thread>

#include "netmem/netmem.h"

namespace netmem::bench {
namespace {

constexpr std::uint64_t kPages = 32768;

[[gnu::noinline]] void drop_each(std::span<const Netmem> pages) {
  for (const Netmem page : pages) drop(page);
}

[[gnu::noinline]] void drop_batches(std::span<const Netmem> pages) {
  for (; !pages.empty(); pages = pages.subspan(64)) drop(pages.first(64));
}

class Elsewhere final : public Loop {
 public:
  using Body = void (*)(std::span<const Netmem> pages);

  // The pool's consumer is a thread that takes every page and ends.
  Elsewhere(PagePoolPtr pool, Body body) : pool_(std::move(pool)), body_(body), pages_(kPages) {
    std::jthread([this] { left_ = std::span(pages_).first(pool_->try_alloc(pages_)); }).join();
  }
  ~Elsewhere() override { drop(left_); }

  Sample run(std::uint64_t elements) override {
    NETMEM_CHECK(elements % 64 == 0 && elements <= left_.size(), "%zu pages are left", left_.size());
    const std::span<const Netmem> pages = left_.first(elements);
    left_ = left_.subspan(elements);
    return timed([&] { body_(pages); });
  }

 private:
  PagePoolPtr pool_;
  Body body_;
  std::vector<Netmem> pages_;
  std::span<const Netmem> left_;
};

LoopSpec spec(const std::string& group, bool device, std::uint64_t batch, Elsewhere::Body body) {
  const auto make = [device, body]() -> MadeLoop {
    constexpr std::size_t kSize = kPages * 4096;
    auto provider = make_provider(MemorySpec{.kind = device ? "memfd" : "host", .size = kSize}, 4096);
    if (!provider) return std::unexpected(provider.error());
    auto pool =
        PagePool::create(std::move(*provider), {.name = "elsewhere", .ring_size = kPages, .allow_unreadable = true});
    if (!pool) return std::unexpected(pool.error());
    return std::make_unique<Elsewhere>(std::move(*pool), body);
  };
  const std::string memory = device ? "device" : "host";
  return {.name = group + "/" + memory,
          .group = group,
          .subject = "netmem, " + memory,
          .element = "dropped on a thread that is not the consumer",
          .batch = batch,
          .pages = kPages,
          .page_size = 4096,
          .make = make};
}

}  // namespace

LoopList elsewhere_loops() {
  return {spec("drop_elsewhere", false, 1, drop_each), spec("drop_elsewhere", true, 1, drop_each),
          spec("drop_elsewhere_64", false, 64, drop_batches), spec("drop_elsewhere_64", true, 64, drop_batches)};
}

}  // namespace netmem::bench
