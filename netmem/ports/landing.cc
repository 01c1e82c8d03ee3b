#include "netmem/ports/landing.h"

#include <algorithm>

namespace netmem {
namespace {

// What a read without bytes means.
Result<Landed> no_bytes(ssize_t count) {
  if (count == 0) return Landed{.kind = Landed::Kind::ended};
  if (count == -EAGAIN) return Landed{.kind = Landed::Kind::nothing};
  return system_error("receive", {}, static_cast<int>(-count));
}

class DirectLanding final : public LandingStrategy {
 public:
  DirectLanding(PagePool& pool, std::size_t read_size) : run_(pool, read_size), io_(run_.most()) {}

  Result<Landed> land(int socket, ConnectionId connection, OpenPage& open, std::span<Delivery> out) override {
    if (!run_.gather(open, out.size())) return Landed{.kind = Landed::Kind::dry};
    io_.clear();
    if (!run_.expose(io_)) {
      run_.put_back();
      return refused("receive", "the kernel cannot write this memory", "use landing staged");
    }
    const ssize_t count = io_.read(socket);
    if (count <= 0) {
      run_.put_back();
      return no_bytes(count);
    }
    const auto bytes = static_cast<std::size_t>(count);
    return Landed{.kind = Landed::Kind::data,
                  .views = run_.settle(bytes, connection, open, out),
                  .bytes = bytes,
                  .filled = bytes == io_.size()};
  }

 private:
  PageRun run_;
  IoVector io_;
};

class StagedLanding final : public LandingStrategy {
 public:
  StagedLanding(PagePool& pool, PagePool& staging, std::size_t read_size)
      : run_(pool, read_size),
        engine_(pool.provider().copy_engine()),
        staging_(staging),
        staging_page_(staging.page_size()),
        host_(std::min((run_.most() * pool.page_size() + staging_page_ - 1) / staging_page_, IoVector::kMost)),
        io_(host_.size()) {
    batch_.reserve(run_.most() + host_.size());
  }

  Result<Landed> land(int socket, ConnectionId connection, OpenPage& open, std::span<Delivery> out) override {
    if (!run_.gather(open, out.size())) return Landed{.kind = Landed::Kind::dry};
    if (!gather_host()) {
      run_.put_back();
      return Landed{.kind = Landed::Kind::dry};
    }
    const ssize_t count = io_.read(socket);
    Result<Landed> landed = count <= 0 ? no_bytes(count) : copy_on(static_cast<std::size_t>(count));
    recycle_host();
    if (!landed || landed->kind != Landed::Kind::data)
      run_.put_back();
    else
      landed->views = run_.settle(landed->bytes, connection, open, out);
    return landed;
  }

 private:
  // Host pages for as many bytes as the run has room for, or for fewer.
  bool gather_host() noexcept {
    const std::size_t wanted = std::min((run_.bytes() + staging_page_ - 1) / staging_page_, host_.size());
    host_count_ = alloc_run(staging_, std::span(host_).first(wanted));
    io_.clear();
    for (std::size_t i = 0; i < host_count_; ++i)
      io_.add(Page(host_[i]).address(), std::min(staging_page_, run_.bytes() - io_.size()));
    return host_count_ != 0;
  }

  // Each piece lies in one host page and goes to one page of the run.
  Result<Landed> copy_on(std::size_t bytes) {
    batch_.clear();
    std::size_t in_page = 0;  // of page `i` of the run
    for (std::size_t done = 0, i = 0; done < bytes;) {
      const PageRun::Room room = run_.room(i);
      const std::size_t at = done % staging_page_;
      const std::size_t size = std::min({bytes - done, room.size - in_page, staging_page_ - at});
      batch_.push_back({.to = room.page,
                        .offset = static_cast<std::uint32_t>(room.offset + in_page),
                        .from = Page(host_[done / staging_page_]).bytes().subspan(at, size)});
      done += size;
      in_page += size;
      if (in_page == room.size) {
        in_page = 0;
        ++i;
      }
    }
    if (auto copied = engine_.copy_in(batch_); !copied)
      return std::unexpected(Error{"receive", copied.error().message(), {}, copied.error().code});
    return Landed{.kind = Landed::Kind::data, .bytes = bytes, .copies = batch_.size(), .filled = bytes == io_.size()};
  }

  void recycle_host() noexcept {
    while (host_count_ != 0) staging_.recycle(host_[--host_count_]);
  }

  PageRun run_;
  CopyEngine& engine_;
  PagePool& staging_;
  std::size_t staging_page_;
  std::vector<Netmem> host_;
  std::size_t host_count_ = 0;
  IoVector io_;
  std::vector<CopyIn> batch_;
};

// Host memory is the kernel's to write even before the provider has a region.
bool kernel_can_write(const MemoryProvider& provider) {
  const auto regions = provider.regions();
  if (regions.empty()) return !provider.is_device();
  return std::ranges::all_of(regions, [](const Region* one) { return one->io_window(one->page(0)) != nullptr; });
}

}  // namespace

std::unique_ptr<LandingStrategy> make_direct_landing(PagePool& pool, std::size_t read_size) {
  return std::make_unique<DirectLanding>(pool, read_size);
}

std::unique_ptr<LandingStrategy> make_staged_landing(PagePool& pool, PagePool& staging, std::size_t read_size) {
  return std::make_unique<StagedLanding>(pool, staging, read_size);
}

Result<Landing> choose_landing(const PagePool& pool, const TcpOptions& options) {
  const std::string attempted = "open a tcp port on " + pool.provider().describe();
  const bool direct_works = kernel_can_write(pool.provider());
  if (options.landing == Landing::direct && !direct_works)
    return refused(attempted, "landing direct needs memory that the kernel can write, and this has no write window",
                   "use landing staged, or auto");
  if (options.landing != Landing::staged && direct_works) return Landing::direct;
  if (options.staging == nullptr)
    return refused(attempted, "landing staged needs host pages for the bytes to arrive in",
                   "pass a pool of host pages as TcpOptions::staging");
  if (options.staging->provider().is_device())
    return refused(attempted, "the staging pool has device memory", "pass a pool of host pages as TcpOptions::staging");
  return Landing::staged;
}

}  // namespace netmem
