#include "netmem/ports/tcp/landing.h"

#include <algorithm>

namespace netmem {
namespace {

class DirectLanding final : public LandingStrategy {
 public:
  DirectLanding(PagePool& pool, const TcpOptions& options)
      : run_(pool, options.read_size, options.message_size), io_(run_.most()) {}

  Result<Landed> land(Connection& connection, std::span<Delivery> out, std::size_t pages) override {
    if (!run_.gather(connection.open, std::min(pages, out.size()))) return Landed{.kind = Landed::Kind::dry};
    io_.clear();
    if (!run_.expose(io_)) {
      run_.put_back();
      return refused("receive", "the kernel cannot write this memory", "use landing staged");
    }
    const ssize_t count = io_.read(connection.socket.get());
    if (count <= 0) {
      run_.put_back();
      return read_without_bytes(count);
    }
    const auto bytes = static_cast<std::size_t>(count);
    const std::uint32_t part = connection.open.used;
    Delivery* next = out.data();
    run_.settle(bytes, connection.open,
                [&next, id = connection.id](View&& view) { write_data(*next++, id, std::move(view)); });
    return Landed{.kind = Landed::Kind::data,
                  .views = static_cast<std::size_t>(next - out.data()),
                  .bytes = run_.whole_messages() ? part + bytes - connection.open.used : bytes,
                  .filled = bytes == io_.size()};
  }

 private:
  PageRun run_;
  IoVector io_;
};

// Host memory is the kernel's to write even before the provider has a region.
bool kernel_can_write(const MemoryProvider& provider) {
  bool any = false;
  bool all = true;
  provider.visit_regions([&](const Region& region) {
    any = true;
    all &= region.io_window(region.page(0)) != nullptr;
  });
  return any ? all : !provider.is_device();
}

}  // namespace

Result<Landed> read_without_bytes(ssize_t count) {
  if (count == 0) return Landed{.kind = Landed::Kind::ended};
  if (count == -EAGAIN) return Landed{.kind = Landed::Kind::nothing};
  return system_error("receive", {}, static_cast<int>(-count));
}

std::unique_ptr<LandingStrategy> make_direct_landing(PagePool& pool, const TcpOptions& options) {
  return std::make_unique<DirectLanding>(pool, options);
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
