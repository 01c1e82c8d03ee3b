#include "netmem/core/memory_provider.h"

#include "netmem/base/check.h"
#include "netmem/core/page_owner.h"

namespace netmem {
namespace {

class NoOwner final : public PageOwner {
 public:
  void take_home(std::span<const Netmem> pages) noexcept override {
    report_misuse(pages.front(), "dropped while its provider had it");
  }
  void take_home_transient(Netmem page) noexcept override { report_misuse(page, "dropped while its provider had it"); }
  [[nodiscard]] const char* owner_name() const noexcept override { return "no pool"; }
};

constinit NoOwner nobody;  // asked for on every way to a provider and back: no guard

}  // namespace

MemoryProvider::~MemoryProvider() = default;

void MemoryProvider::disconnected_page_leaves() {
  const std::scoped_lock lock(mutex_);
  if (disconnected_++ == 0) self_ = shared_from_this();
}

void MemoryProvider::disconnected_page_returned() {
  std::shared_ptr<MemoryProvider> last;  // destroyed after the lock is released
  const std::scoped_lock lock(mutex_);
  NETMEM_CHECK(disconnected_ != 0, "provider %s: a disconnected page came back twice", name().c_str());
  if (--disconnected_ == 0) last = std::move(self_);
}

Netmem end_life(Netmem page) {
  std::uint64_t now = page.life().read();
  const std::uint64_t next = next_life(page, now);
  if (!page.life().compare_exchange(now, next)) report_misuse(page, "dropped twice, or after it went home");
  poison(page);
  return Netmem::from_bits(next & ~Netmem::kLookBit);
}

PageOwner& no_owner() { return nobody; }

const char* owner_name(Netmem page) {
  const Descriptor& descriptor = page.descriptor();
  // A disconnected page's pool may be gone.
  if ((descriptor.refs.load(std::memory_order_relaxed) & Descriptor::kDisconnected) != 0) return "no pool";
  return descriptor.owner->owner_name();
}

void report_misuse(Netmem page, const char* what) {
  const std::uint32_t refs = page.descriptor().refs.load(std::memory_order_relaxed);
  const std::uint16_t generation = Netmem::from_bits(page.life().read()).generation();
  check_failed("page", static_cast<int>(page.index()),
               "page %u of region %s, pool %s: %s (handle of life %u, page in life %u, %u references%s%s)",
               page.index(), page.region().name().c_str(), owner_name(page), what, page.generation(), generation,
               refs & Descriptor::kCountMask, (refs & Descriptor::kTransient) != 0 ? ", transient" : "",
               (refs & Descriptor::kDisconnected) != 0 ? ", disconnected" : "");
}

#ifdef NETMEM_ASAN
std::size_t page_size_of(Netmem page) { return page.region().page_size(); }
#endif

}  // namespace netmem
