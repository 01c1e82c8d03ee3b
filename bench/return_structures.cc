// Which structure brings pages back to their consumer fastest? Three candidates, the same traffic, interleaved:
//   ring    a bounded ring of handles, a phase bit in each slot (netmem/ring/return_ring.h)
//   list    a list threaded through the descriptors, pushed with a CAS, taken whole with an exchange
//   mutex   a vector under a lock
//   plain   a single-producer ring, which could serve one thread only: the floor
// Pages go from the consumer to a second thread through a plain single-producer ring and come back through the
// candidate, one by one and in batches. Cycles per page, all of it included: the floor is the plain ring itself.
// docs/decisions/ has what came out and what was chosen.

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "bench/loops/cycles.h"
#include "netmem/ring/return_ring.h"

namespace {

using netmem::ReturnRing;

constexpr std::size_t kPages = 512;
constexpr std::uint64_t kTraffic = 400'000;
constexpr int kRepetitions = 9;

struct alignas(32) Node {
  std::atomic<std::uint32_t> refs{1};  // read by whoever drops, as in a descriptor
  Node* next = nullptr;
};
std::array<Node, kPages> nodes;

using Batch = std::span<Node* const>;

class Ring {
 public:
  void push(Batch pages) {
    std::array<std::uint64_t, 64> values;
    std::ranges::transform(pages, values.begin(), [](Node* node) { return reinterpret_cast<std::uint64_t>(node); });
    if (ring_.push(std::span(values.data(), pages.size())) != pages.size()) std::abort();
  }
  std::size_t pop(std::span<Node*> out) {
    std::array<std::uint64_t, 64> values;
    const std::size_t count = ring_.pop(std::span(values.data(), out.size()));
    for (std::size_t i = 0; i < count; ++i) out[i] = reinterpret_cast<Node*>(values[i]);
    return count;
  }

 private:
  ReturnRing ring_{2 * kPages};
};

class List {
 public:
  void push(Batch pages) {
    for (std::size_t i = 0; i + 1 < pages.size(); ++i) pages[i]->next = pages[i + 1];
    Node* head = head_.load(std::memory_order_relaxed);
    do {
      pages.back()->next = head;
    } while (!head_.compare_exchange_weak(head, pages.front(), std::memory_order_release, std::memory_order_relaxed));
  }
  std::size_t pop(std::span<Node*> out) {
    if (taken_ == nullptr && head_.load(std::memory_order_relaxed) != nullptr)
      taken_ = head_.exchange(nullptr, std::memory_order_acquire);
    std::size_t count = 0;
    for (; count < out.size() && taken_ != nullptr; taken_ = taken_->next) out[count++] = taken_;
    return count;
  }

 private:
  alignas(64) std::atomic<Node*> head_{nullptr};
  alignas(64) Node* taken_ = nullptr;
};

class Mutex {
 public:
  Mutex() { pages_.reserve(kPages); }
  void push(Batch pages) {
    const std::scoped_lock lock(mutex_);
    pages_.insert(pages_.end(), pages.begin(), pages.end());
  }
  std::size_t pop(std::span<Node*> out) {
    const std::scoped_lock lock(mutex_);
    const std::size_t count = std::min(out.size(), pages_.size());
    std::copy_n(pages_.end() - static_cast<std::ptrdiff_t>(count), count, out.begin());
    pages_.resize(pages_.size() - count);
    return count;
  }

 private:
  std::mutex mutex_;
  std::vector<Node*> pages_;
};

// One producer, one consumer, nothing else: what the pages travel through on the way out.
class Way {
 public:
  void push(Batch pages) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < pages.size(); ++i) slots_[(head + i) % slots_.size()] = pages[i];
    head_.store(head + pages.size(), std::memory_order_release);
  }
  std::size_t pop(std::span<Node*> out) {
    if (seen_ == tail_) seen_ = head_.load(std::memory_order_acquire);
    const std::size_t count = std::min<std::size_t>(out.size(), seen_ - tail_);
    for (std::size_t i = 0; i < count; ++i) out[i] = slots_[(tail_ + i) % slots_.size()];
    tail_ += count;
    return count;
  }

 private:
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::uint64_t tail_ = 0;
  std::uint64_t seen_ = 0;
  alignas(64) std::array<Node*, kPages> slots_{};  // every page fits: it never fills
};

void pin(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % std::thread::hardware_concurrency(), &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

// Cycles for each of kTraffic pages that went out and came back in batches of `batch`.
template <class Back>
double cross_core(std::size_t batch) {
  Way way;
  Back back;
  std::atomic<bool> stop = false;
  std::thread other([&] {
    pin(1);
    std::array<Node*, 64> pages;
    while (!stop.load(std::memory_order_relaxed)) {
      const std::size_t count = way.pop(std::span(pages.data(), batch));
      for (std::size_t i = 0; i < count; ++i)
        if (pages[i]->refs.load(std::memory_order_acquire) != 1) std::abort();
      if (count != 0) back.push(std::span(pages.data(), count));
    }
  });
  pin(0);
  std::vector<Node*> home;
  for (Node& node : nodes) home.push_back(&node);
  std::array<Node*, 64> returned;
  std::uint64_t sent = 0;
  const std::uint64_t began = netmem::bench::read_cycles();
  while (sent < kTraffic) {
    if (home.size() >= batch) {
      way.push(std::span(home).last(batch));
      home.resize(home.size() - batch);
      sent += batch;
    } else {
      const std::size_t count = back.pop(returned);
      home.insert(home.end(), returned.begin(), returned.begin() + static_cast<std::ptrdiff_t>(count));
    }
  }
  const std::uint64_t took = netmem::bench::read_cycles() - began;
  stop = true;
  other.join();
  return static_cast<double>(took) / kTraffic;
}

// The same on one thread: pushed one by one, taken 64 at a time.
template <class Back>
double one_thread(std::size_t batch) {
  Back back;
  std::array<Node*, 64> pages;
  for (std::size_t i = 0; i < pages.size(); ++i) pages[i] = &nodes[i];
  const std::uint64_t began = netmem::bench::read_cycles();
  for (std::uint64_t i = 0; i < kTraffic; i += pages.size()) {
    for (std::size_t at = 0; at < pages.size(); at += batch) back.push(std::span(pages).subspan(at, batch));
    if (back.pop(pages) != pages.size()) std::abort();
  }
  return static_cast<double>(netmem::bench::read_cycles() - began) / kTraffic;
}

struct Row {
  const char* name;
  double (*run)(std::size_t batch);
  std::size_t batch;
  std::vector<double> cycles{};
};

}  // namespace

int main() {
  std::vector<Row> rows;
  for (const std::size_t batch : {1, 8, 64}) {
    rows.push_back({"ring,  across cores", cross_core<Ring>, batch});
    rows.push_back({"list,  across cores", cross_core<List>, batch});
    rows.push_back({"mutex, across cores", cross_core<Mutex>, batch});
    rows.push_back({"plain, across cores", cross_core<Way>, batch});
    rows.push_back({"ring,  one thread", one_thread<Ring>, batch});
    rows.push_back({"list,  one thread", one_thread<List>, batch});
    rows.push_back({"mutex, one thread", one_thread<Mutex>, batch});
  }
  if (std::thread::hardware_concurrency() < 2) std::printf("one processor only: rows across cores mean little here\n");
  for (int i = 0; i < kRepetitions; ++i)
    for (Row& row : rows) row.cycles.push_back(row.run(row.batch));
  std::printf("%-22s %6s %8s %8s %8s   (%s per page)\n", "", "batch", "min", "median", "max",
              netmem::bench::kCycleUnit);
  for (Row& row : rows) {
    std::ranges::sort(row.cycles);
    std::printf("%-22s %6zu %8.1f %8.1f %8.1f\n", row.name, row.batch, row.cycles.front(),
                row.cycles[row.cycles.size() / 2], row.cycles.back());
  }
}
