#include "tests/model/pool_model.h"

#include <algorithm>
#include <ranges>

#include "netmem/base/check.h"
#include "tests/support/regions.h"

namespace netmem::model {

// ---- the model ----

std::vector<TestProvider::RegionOptions> Model::regions() {
  return {
      {.pages = 96, .numa_node = 0}, {.pages = 48, .numa_node = 1}, {.pages = 16, .numa_node = 0, .transient = true}};
}

Model::Model(std::size_t pools, std::size_t ring_capacity) {
  for (const auto& region : regions())
    for (std::uint32_t i = 0; i < region.pages; ++i)
      pages_.push_back({.node = region.numa_node, .transient = region.transient});
  for (PageNumber page = 0; page < pages_.size(); ++page) free_.push_back(page);
  pools_.resize(pools);
  for (ModelPool& pool : pools_) pool.ring_capacity = ring_capacity;
}

PageNumber Model::alloc(std::size_t number) {
  ModelPool& pool = pools_.at(number);
  if (!pool.cache.empty()) {
    ++pool.counters.fast;
  } else if (refill(pool)) {
    ++pool.counters.refill;
  } else if (grant(number)) {
    ++pool.counters.slow;
  } else {
    ++pool.counters.failed;
    return kNone;
  }
  const PageNumber page = pool.cache.back();
  pool.cache.pop_back();
  pages_.at(page).refs = 1;
  return page;
}

bool Model::refill(ModelPool& pool) {
  std::deque<PageNumber>& from = pool.lane.empty() ? pool.ring : pool.lane;
  if (from.empty()) {
    ++pool.counters.empty;
    return false;
  }
  bring_in(pool, from);
  // What came out of the lane was on the wrong node altogether: then the ring is asked, too.
  return !pool.cache.empty() || (&from == &pool.lane && refill(pool));
}

void Model::bring_in(ModelPool& pool, std::deque<PageNumber>& from) {
  const std::size_t count = std::min(from.size(), kCacheRefill);
  for (std::size_t i = 0; i < count; ++i) {
    const PageNumber page = from.front();
    from.pop_front();
    if (pool.numa_node >= 0 && pages_.at(page).node != pool.numa_node) {
      ++pool.counters.waive;
      to_provider(page);
    } else {
      pool.cache.insert(pool.cache.begin(), page);
    }
  }
}

bool Model::grant(std::size_t number) {
  ModelPool& pool = pools_.at(number);
  const std::size_t count = std::min(free_.size(), kCacheRefill);
  for (std::size_t i = 0; i < count; ++i) {
    pages_.at(free_.front()).pool = number;
    pool.cache.insert(pool.cache.begin(), free_.front());
    free_.pop_front();
  }
  pool.counters.hold += count;
  return count != 0;
}

bool Model::leave(PageNumber number) {
  ModelPage& page = pages_.at(number);
  if (--page.refs != 0 || page.being_cut) return false;
  if (page.disconnected) {
    page.disconnected = false;
    free_.push_back(number);
    return false;
  }
  return true;
}

void Model::drop(PageNumber page, bool consumer) {
  if (leave(page)) go_home(page, consumer);
}

void Model::go_home(PageNumber page, bool consumer) {
  ModelPool& pool = pools_.at(pages_.at(page).pool);
  if (pages_.at(page).transient || !pool.alive) return to_provider(page);
  if (consumer && pool.cache.size() < kCacheSize) {
    pool.cache.push_back(page);
    ++pool.counters.cached;
    return;
  }
  if (consumer) {
    ++pool.counters.cache_full;
    return to_lane(pool, page);
  }
  to_ring(pool, page);
}

void Model::to_lane(ModelPool& pool, PageNumber page) {
  if (pool.lane.size() == std::min(kCacheRefill, pool.ring_capacity)) {
    pool.counters.ring -= pool.lane.size();
    for (const PageNumber old : std::exchange(pool.lane, {})) to_ring(pool, old);
  }
  pool.lane.push_back(page);
  ++pool.counters.ring;
}

void Model::to_ring(ModelPool& pool, PageNumber page) {
  if (!pool.alive) {
    to_provider(page);
  } else if (pool.ring.size() < pool.ring_capacity) {
    pool.ring.push_back(page);
    ++pool.counters.ring;
  } else {
    ++pool.counters.ring_full;
    to_provider(page);
  }
}

void Model::to_provider(PageNumber page) {
  ++pools_.at(pages_.at(page).pool).counters.release;
  free_.push_back(page);
}

void Model::recycle_to_ring(PageNumber number, bool consumer) {
  pages_.at(number).refs = 0;
  ModelPool& pool = pools_.at(pages_.at(number).pool);
  if (consumer) {
    to_lane(pool, number);
  } else {
    to_ring(pool, number);
  }
}

void Model::recycle(PageNumber number) {
  ModelPage& page = pages_.at(number);
  if (page.being_cut) return drop(number, true);
  if (page.refs > 1) {
    ++pools_.at(page.pool).counters.released_refcnt;
    disconnect(number);
  }
  drop(number, true);
}

void Model::disconnect(PageNumber number) {
  ModelPage& page = pages_.at(number);
  page.disconnected = true;
  ++pools_.at(page.pool).counters.release;
}

void Model::release(PageNumber number) {
  pages_.at(number).refs = 0;
  to_provider(number);
}

PageNumber Model::drain(ModelPool& pool) {
  const PageNumber number = std::exchange(pool.cut, kNone);
  if (number == kNone) return kNone;
  ModelPage& page = pages_.at(number);
  page.being_cut = false;
  const bool plain = !page.disconnected && !page.transient;
  if (page.refs == 0 && plain) return number;
  ++page.refs;  // the pool's own
  drop(number, true);
  return kNone;
}

PageNumber Model::alloc_fragment(std::size_t number, std::uint32_t size, std::uint32_t& offset) {
  ModelPool& pool = pools_.at(number);
  const std::uint32_t room = (size + 63) / 64 * 64;
  if (pool.cut == kNone || pool.cut_offset + room > 4096) {
    PageNumber page = drain(pool);
    if (page == kNone) page = alloc(number);
    if (page == kNone) return kNone;
    pages_.at(page).refs = 0;
    pages_.at(page).being_cut = true;
    pool.cut = page;
    pool.cut_offset = 0;
  }
  offset = pool.cut_offset;
  pool.cut_offset += room;
  ++pool.counters.fragments;
  ++pages_.at(pool.cut).refs;
  return pool.cut;
}

void Model::flush_fragments(std::size_t number) {
  if (const PageNumber page = drain(pools_.at(number)); page != kNone) go_home(page, true);
}

std::size_t Model::replace_pool(std::size_t number) {
  ModelPool& pool = pools_.at(number);
  const std::size_t capacity = pool.ring_capacity;
  if (const PageNumber page = drain(pool); page != kNone) to_provider(page);
  for (const PageNumber page : pool.cache | std::views::reverse) to_provider(page);
  for (const PageNumber page : pool.lane) to_provider(page);
  for (const PageNumber page : pool.ring) to_provider(page);
  pool.cache.clear();
  pool.lane.clear();
  pool.ring.clear();
  pool.alive = false;
  pools_.emplace_back().ring_capacity = capacity;
  return pools_.size() - 1;
}

PoolCounters Model::counters(std::size_t number) const {
  const ModelPool& pool = pools_.at(number);
  PoolCounters counters = pool.counters;
  counters.in_cache = pool.cache.size();
  counters.in_ring = pool.ring.size() + pool.lane.size();
  return counters;
}

// ---- the driver ----

namespace {

constexpr std::size_t kRing = 32;

PagePoolPtr make_pool(const std::shared_ptr<TestProvider>& provider) {
  return PagePool::create(provider, {.name = "model", .ring_size = kRing}).value();
}

}  // namespace

Driver::Driver()
    : provider_(TestProvider::create(Model::regions())), regions_(regions_of(*provider_)), model_(kPools, kRing) {
  for (std::size_t i = 0; i < kPools; ++i) {
    real_.at(i) = {make_pool(provider_), i};
    real_.at(i).pool->set_consumer();
  }
}

Driver::~Driver() = default;

PageNumber Driver::number(Netmem page) const {
  PageNumber first = 0;
  for (const Region* region : regions_) {
    if (&page.region() == region) return first + page.index();
    first += region->page_count();
  }
  NETMEM_CHECK(false, "a page of no region");
}

bool Driver::step(std::span<const std::uint8_t>& input) {
  if (input.size() < 3) return false;
  const Operation op{input[0], input[1], input[2]};
  input = input.subspan(3);
  run(op);
  compare();
  return true;
}

void Driver::run(const Operation& op) {
  const std::size_t which = (op.code >> 4) % kPools;
  const bool consumer = (op.code & 0x80) == 0;
  switch (op.code % 16) {
    case 0:
      return alloc(which, 1);
    case 1:
      return alloc(which, op.amount % 100);
    case 2:
      return alloc_fragment(which, 1U + op.amount * 16U);
    case 3:
      return alloc_fragment(which, 64);
    case 4:
      return drop_one(op.choice, consumer);
    case 5:
      return drop_some(op.amount % 150, op.choice, consumer);
    case 6:
      return retain_one(op.choice);
    case 7:
      return recycle_one(op.choice);
    case 8:
      return disconnect_one(op.choice);
    case 9:
      return release_one(op.choice);
    case 10:
      real_.at(which).pool->flush_fragments();
      return model_.flush_fragments(real_.at(which).model);
    case 11:
      real_.at(which).pool->set_numa_node(op.amount % 3 - 1);
      return model_.set_numa_node(real_.at(which).model, op.amount % 3 - 1);
    case 12:
      if (op.amount < 16) replace_pool(which);
      return;
    case 13:
      return recycle_some(op.amount % 150, op.choice);
    case 14:
      return recycle_one_to_ring(op.choice, consumer);
    default:
      return drop_one(op.choice, consumer);
  }
}

void Driver::alloc(std::size_t which, std::size_t count) {
  Real& real = real_.at(which);
  std::vector<Netmem> pages(count);
  const std::size_t got = real.pool->try_alloc(pages);
  for (std::size_t i = 0; i < count; ++i) {
    const PageNumber expected = model_.alloc(real.model);
    if (expected == kNone) {
      NETMEM_CHECK(got == i, "the pool gave %zu pages, the model %zu", got, i);
      return;
    }
    NETMEM_CHECK(i < got, "the pool gave %zu pages, the model more", got);
    NETMEM_CHECK(number(pages[i]) == expected, "page %zu came, %zu was expected", number(pages[i]), expected);
    held_.push_back({pages[i], expected, which});
  }
}

void Driver::alloc_fragment(std::size_t which, std::uint32_t size) {
  Real& real = real_.at(which);
  const Fragment fragment = real.pool->try_alloc_fragment(size);
  std::uint32_t offset = 0;
  const PageNumber expected = model_.alloc_fragment(real.model, size, offset);
  NETMEM_CHECK(static_cast<bool>(fragment) == (expected != kNone), "only one of pool and model had a fragment");
  if (!fragment) return;
  NETMEM_CHECK(number(fragment.netmem) == expected && fragment.offset == offset, "fragment at %u, expected at %u",
               fragment.offset, offset);
  held_.push_back({fragment.netmem, expected, which});
}

Driver::Held Driver::take(std::uint8_t choice) {
  const std::size_t at = choice * held_.size() / 256;
  const Held held = held_[at];
  held_[at] = held_.back();
  held_.pop_back();
  return held;
}

bool Driver::alive(const Held& held) const {
  return model_.page(held.page).pool == real_.at(held.pool).model && !model_.page(held.page).disconnected;
}

void Driver::drop_one(std::uint8_t choice, bool consumer) {
  if (held_.empty()) return;
  const Held held = take(choice);
  if (consumer) {
    drop(held.netmem);
  } else {
    other_thread_.run([&] { drop(held.netmem); });
  }
  model_.drop(held.page, consumer);
}

void Driver::drop_some(std::size_t count, std::uint8_t choice, bool consumer) {
  std::vector<Netmem> pages;
  std::vector<PageNumber> numbers;
  for (; count != 0 && !held_.empty(); --count, choice = static_cast<std::uint8_t>(choice * 5 + 1)) {
    const Held held = take(choice);
    pages.push_back(held.netmem);
    numbers.push_back(held.page);
  }
  if (consumer) {
    drop(pages);
  } else {
    other_thread_.run([&] { drop(pages); });
  }
  for (const PageNumber number : numbers) model_.drop(number, consumer);
}

void Driver::retain_one(std::uint8_t choice) {
  if (held_.empty()) return;
  const Held held = held_[choice * held_.size() / 256];
  retain(held.netmem);
  model_.retain(held.page);
  held_.push_back(held);
}

void Driver::recycle_one(std::uint8_t choice) {
  if (held_.empty() || !alive(held_[choice * held_.size() / 256])) return;
  const Held held = take(choice);
  if (model_.page(held.page).being_cut) {
    real_.at(held.pool).pool->recycle_fragment(held.netmem);
  } else {
    real_.at(held.pool).pool->recycle(held.netmem);
  }
  model_.recycle(held.page);
}

void Driver::recycle_some(std::size_t count, std::uint8_t choice) {
  std::array<std::vector<Netmem>, kPools> pages;
  std::array<std::vector<PageNumber>, kPools> numbers;
  for (; count != 0 && !held_.empty(); --count, choice = static_cast<std::uint8_t>(choice * 5 + 1)) {
    const Held& candidate = held_[choice * held_.size() / 256];
    if (!alive(candidate) || model_.page(candidate.page).being_cut || model_.page(candidate.page).refs != 1) continue;
    const Held held = take(choice);
    pages.at(held.pool).push_back(held.netmem);
    numbers.at(held.pool).push_back(held.page);
  }
  for (std::size_t i = 0; i < kPools; ++i) {
    real_.at(i).pool->recycle(pages.at(i));
    for (const PageNumber number : numbers.at(i)) model_.recycle(number);
  }
}

void Driver::recycle_one_to_ring(std::uint8_t choice, bool consumer) {
  if (held_.empty()) return;
  const Held& candidate = held_[choice * held_.size() / 256];
  const ModelPage& page = model_.page(candidate.page);
  if (!alive(candidate) || page.refs != 1 || page.being_cut || page.transient) return;
  const Held held = take(choice);
  PagePool& pool = *real_.at(held.pool).pool;
  if (consumer) {
    pool.recycle_to_ring(held.netmem);
  } else {
    other_thread_.run([&] { pool.recycle_to_ring(held.netmem); });
  }
  model_.recycle_to_ring(held.page, consumer);
}

void Driver::disconnect_one(std::uint8_t choice) {
  if (held_.empty()) return;
  const Held held = held_[choice * held_.size() / 256];
  if (!alive(held)) return;
  real_.at(held.pool).pool->disconnect(held.netmem);
  model_.disconnect(held.page);
}

void Driver::release_one(std::uint8_t choice) {
  if (held_.empty()) return;
  const Held& candidate = held_[choice * held_.size() / 256];
  const ModelPage& page = model_.page(candidate.page);
  if (!alive(candidate) || page.refs != 1 || page.being_cut) return;
  const Held held = take(choice);
  real_.at(held.pool).pool->release(held.netmem);
  model_.release(held.page);
}

void Driver::replace_pool(std::size_t which) {
  real_.at(which).pool = make_pool(provider_);
  real_.at(which).pool->set_consumer();
  real_.at(which).model = model_.replace_pool(real_.at(which).model);
}

void Driver::compare_counters(const Real& real) const {
  const PoolCounters is = real.pool->counters();
  const PoolCounters should = model_.counters(real.model);
  const auto same = [](const char* name, std::uint64_t a, std::uint64_t b) {
    NETMEM_CHECK(a == b, "counter %s is %lu, the model says %lu", name, static_cast<unsigned long>(a),
                 static_cast<unsigned long>(b));
  };
  same("fast", is.fast, should.fast);
  same("slow", is.slow, should.slow);
  same("empty", is.empty, should.empty);
  same("refill", is.refill, should.refill);
  same("waive", is.waive, should.waive);
  same("cached", is.cached, should.cached);
  same("cache_full", is.cache_full, should.cache_full);
  same("ring", is.ring, should.ring);
  same("ring_full", is.ring_full, should.ring_full);
  same("released_refcnt", is.released_refcnt, should.released_refcnt);
  same("failed", is.failed, should.failed);
  same("fragments", is.fragments, should.fragments);
  same("hold", is.hold, should.hold);
  same("release", is.release, should.release);
  same("in_cache", is.in_cache, should.in_cache);
  same("in_ring", is.in_ring, should.in_ring);
}

void Driver::compare() const {
  for (const Real& real : real_) compare_counters(real);
  NETMEM_CHECK(provider_->free_pages() == model_.free_pages(), "the provider has %zu free pages, the model %zu",
               provider_->free_pages(), model_.free_pages());
}

void Driver::finish() {
  for (const Real& real : real_) {
    const auto books = real.pool->audit();
    NETMEM_CHECK(books, "%s", books.error().message().c_str());
  }
  drop_some(held_.size() / 2, 77, false);
  compare();
  for (Real& real : real_) real.pool.reset();
  for (const Held& held : held_) drop(held.netmem);
  NETMEM_CHECK(provider_->free_pages() == Model::kPages, "%zu pages are unaccounted for",
               Model::kPages - provider_->free_pages());
}

}  // namespace netmem::model
