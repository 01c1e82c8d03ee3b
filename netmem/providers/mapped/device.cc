#include "netmem/providers/mapped/device.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "netmem/base/mapping.h"
#include "netmem/base/units.h"
#include "netmem/providers/common/backing_page.h"
#include "netmem/providers/common/huge_pages.h"
#include "netmem/providers/common/page_size.h"
#include "netmem/providers/mapped/device_copy_engine.h"

namespace netmem {
namespace {

// What the three kinds of device memory differ in.
struct Memory {
  std::string name;  // "memfd"
  Fd fd;             // what is mapped
  bool dmabuf = false;
  Mapping view;    // where pages have their addresses
  Mapping window;  // empty: the CPU may not map this memory
};

class MappedDeviceProvider final : public DeviceProvider {
 public:
  MappedDeviceProvider(Memory memory, unsigned page_shift) : memory_(std::move(memory)), page_shift_(page_shift) {}

  ~MappedDeviceProvider() override { destroy_region(); }

  Result<void> make_region(DeviceOptions options) {
    std::size_t backing = 4096;
    if (memory_.window) {
      auto read_back = backing_page_size(memory_.window.data());
      if (!read_back) return std::unexpected(read_back.error());
      backing = *read_back;
    }
    const RegionSpec spec{.name = memory_.name + ":" + format_size(options.size),
                          .device = true,
                          .address = reinterpret_cast<std::uintptr_t>(memory_.view.data()),
                          .size = options.size,
                          .page_shift = page_shift_,
                          .backing_page = backing,
                          .io_window = memory_.window.data()};
    if (auto done = cut(spec, std::move(options.dma)); !done) return done;
    engine_.emplace(region(), memory_.window.data(), dmabuf_fd());
    return {};
  }

  [[nodiscard]] std::string name() const override { return memory_.name; }
  [[nodiscard]] std::string describe() const override {
    return memory_.name + ": " + format_size(region().size()) + " of device memory in pages of " +
           format_size(page_size()) + ", " +
           (memory_.window ? backed_by(region().backing_page()) : std::string("not mappable by the CPU"));
  }
  [[nodiscard]] CopyEngine& copy_engine() override { return *engine_; }
  [[nodiscard]] int dmabuf_fd() const override { return memory_.dmabuf ? memory_.fd.get() : -1; }

 private:
  Memory memory_;
  const unsigned page_shift_;
  std::optional<DeviceCopyEngine> engine_;
};

Result<void> refuse_host_options(const DeviceOptions& options, const std::string& kind) {
  const auto meaningless = [&](const char* option, const char* why) {
    return refused("make a " + kind + " provider", std::string("option ") + option + " " + why, "leave it out");
  };
  if (options.numa_node >= 0) return meaningless("numa_node", "makes no sense for device memory");
  if (options.populate) return meaningless("populate", "makes no sense for device memory");
  if (options.readable_view && kind != "memfd")
    return meaningless("readable_view", "makes no sense for a dma-buf: only its copy engine keeps caches in order");
  return {};
}

Result<unsigned> check(const DeviceOptions& options, const std::string& kind) {
  if (auto sensible = refuse_host_options(options, kind); !sensible) return std::unexpected(sensible.error());
  return page_shift_of(options.page_size, options.size, kind);
}

Result<Fd> sealed_memfd(std::size_t size, const char* kind) {
  const std::string attempted = "make " + format_size(size) + " of memfd memory for " + kind;
  Fd fd(::memfd_create("netmem", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return system_error(attempted);
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return system_error(attempted, "ask for less");
  // Nobody who gets hold of the descriptor can pull the memory from under the mappings.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) return system_error(attempted);
  return fd;
}

Result<std::shared_ptr<DeviceProvider>> finish(Memory memory, unsigned shift, DeviceOptions options) {
  auto provider = std::make_shared<MappedDeviceProvider>(std::move(memory), shift);
  if (auto cut = provider->make_region(std::move(options)); !cut) return std::unexpected(cut.error());
  return provider;
}

// Addresses that fault, and whatever the exporter lets the CPU see.
Result<Memory> map_dmabuf(Fd dmabuf, const std::string& name, const DeviceOptions& options) {
  auto view = Mapping::create(options.size, page_alignment(options.page_size), PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, "addresses for a dma-buf");
  if (!view) return std::unexpected(view.error());
  auto window = Mapping::create(options.size, page_alignment(options.page_size), PROT_READ | PROT_WRITE, MAP_SHARED,
                                dmabuf.get(), 0, "a dma-buf");
  return Memory{name, std::move(dmabuf), true, std::move(*view), window ? std::move(*window) : Mapping()};
}

std::string udmabuf_limit() {
  std::string limit = "?";
  std::ifstream("/sys/module/udmabuf/parameters/size_limit_mb") >> limit;
  return "ask for less than the limit in /sys/module/udmabuf/parameters/size_limit_mb (now " + limit + "), or raise it";
}

Result<Fd> create_udmabuf(const Fd& memfd, std::size_t size) {
  const std::string attempted = "make a udmabuf of " + format_size(size);
  const Fd control(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
  if (!control) {
    const bool missing = errno == ENOENT || errno == ENXIO || errno == ENODEV;
    return system_error(attempted + " (open /dev/udmabuf)",
                        missing ? "load the module (modprobe udmabuf), use a kernel with CONFIG_UDMABUF, or use memfd"
                                : "run as root, or make /dev/udmabuf accessible to you");
  }
  const udmabuf_create request{
      .memfd = static_cast<__u32>(memfd.get()), .flags = UDMABUF_FLAGS_CLOEXEC, .offset = 0, .size = size};
  const int fd = ::ioctl(control.get(), UDMABUF_CREATE, &request);
  if (fd < 0) return system_error(attempted, udmabuf_limit());
  return Fd(fd);
}

// The size that the kernel gives for a dma-buf; what the caller says must fit in it.
Result<std::size_t> dmabuf_size(const Fd& dmabuf, std::size_t wanted) {
  const std::string attempted = "use a dma-buf";
  if (!dmabuf) return refused(attempted, "there is no file descriptor");
  auto ended = sync_dmabuf(dmabuf.get(), DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ, attempted.c_str());
  if (ended) ended = sync_dmabuf(dmabuf.get(), DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ, attempted.c_str());
  if (!ended && (ended.error().code == ENOTTY || ended.error().code == EBADF))
    return refused(attempted, "file descriptor " + std::to_string(dmabuf.get()) + " is no dma-buf",
                   "pass what the exporter of the device's memory gave");
  const off_t end = ::lseek(dmabuf.get(), 0, SEEK_END);
  if (end < 0) return system_error(attempted, "the exporter does not tell its size");
  const auto present = static_cast<std::size_t>(end);
  if (wanted > present)
    return refused(attempted, "it has " + format_size(present) + ", not " + format_size(wanted), "ask for less");
  return wanted == 0 ? present : wanted;
}

}  // namespace

Result<std::shared_ptr<DeviceProvider>> make_memfd_provider(DeviceOptions options) {
  auto shift = check(options, "memfd");
  if (!shift) return std::unexpected(shift.error());
  if (auto fits = fits_machine(options.size, "memfd"); !fits) return std::unexpected(fits.error());
  auto fd = sealed_memfd(options.size, "memfd");
  if (!fd) return std::unexpected(fd.error());
  auto view = Mapping::create(options.size, page_alignment(options.page_size),
                              options.readable_view ? PROT_READ : PROT_NONE, MAP_SHARED, fd->get(), 0, "memfd");
  if (!view) return std::unexpected(view.error());
  auto window = Mapping::create(options.size, page_alignment(options.page_size), PROT_READ | PROT_WRITE, MAP_SHARED,
                                fd->get(), 0, "memfd");
  if (!window) return std::unexpected(window.error());
  return finish(Memory{"memfd", std::move(*fd), false, std::move(*view), std::move(*window)}, *shift,
                std::move(options));
}

Result<std::shared_ptr<DeviceProvider>> make_udmabuf_provider(DeviceOptions options) {
  auto shift = check(options, "udmabuf");
  if (!shift) return std::unexpected(shift.error());
  if (auto fits = fits_machine(options.size, "udmabuf"); !fits) return std::unexpected(fits.error());
  const std::size_t whole = (options.size + 4095) & ~std::size_t{4095};
  auto memfd = sealed_memfd(whole, "udmabuf");
  if (!memfd) return std::unexpected(memfd.error());
  auto dmabuf = create_udmabuf(*memfd, whole);  // holds the pages from here on
  if (!dmabuf) return std::unexpected(dmabuf.error());
  auto memory = map_dmabuf(std::move(*dmabuf), "udmabuf", options);
  if (!memory) return std::unexpected(memory.error());
  return finish(std::move(*memory), *shift, std::move(options));
}

Result<std::shared_ptr<DeviceProvider>> make_dmabuf_provider(Fd dmabuf, DeviceOptions options) {
  if (auto sensible = refuse_host_options(options, "dmabuf"); !sensible) return std::unexpected(sensible.error());
  auto size = dmabuf_size(dmabuf, options.size);
  if (!size) return std::unexpected(size.error());
  options.size = *size;
  auto shift = check(options, "dmabuf");
  if (!shift) return std::unexpected(shift.error());
  auto memory = map_dmabuf(std::move(dmabuf), "dmabuf", options);
  if (!memory) return std::unexpected(memory.error());
  return finish(std::move(*memory), *shift, std::move(options));
}

}  // namespace netmem
