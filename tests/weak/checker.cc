#include "tests/weak/checker.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "netmem/base/thread.h"
#include "tests/weak/arena.h"
#include "tests/weak/graph.h"

namespace netmem::weak {
namespace {

constexpr int kOutside = -1;              // no execution: gtest's own thread
constexpr int kBeforeOrAfter = kThreads;  // setup and finally
constexpr std::size_t kStack = std::size_t{256} << 10;

bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel;
}
bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel;
}
const char* name_of(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    default:
      return "not supported";
  }
}

enum class State { kNew, kRunning, kWaiting, kEnded };

struct Thread {
  const char* name = "";
  std::function<void()>* body = nullptr;
  State state = State::kNew;
  bool half = false;   // between the halves of a read-modify-write
  bool holds = false;  // inside of a Lock: goes on at once
  int last_write = 0;  // index of its last write
  int attempt = -1;    // events before the last begin of something that it may have to repeat
  Clock happens, causes;
  std::vector<int> replay;  // events that it has to run again
  std::size_t replayed = 0;
  std::vector<int> events;
  ucontext_t context{};
  std::byte* stack = nullptr;
};

struct Step {
  int thread;
  const char* what;
  std::uintptr_t address;
  Bits value;
  std::memory_order order;
  int from;  // event, kInitial, or -2: no read
  Where where;
};

class Checker;
Checker* checker = nullptr;
int current = kOutside;

// User code allocates from the arena, the checker does not.
class Inside {
 public:
  Inside() : before_(Arena::use(false)) {}
  ~Inside() { Arena::use(before_); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool before_;
};

class Checker {
 public:
  Checker(const std::function<void(Program&)>& setup, Limits limits) : setup_(setup), limits_(limits) {
    for (Thread& thread : threads_) thread.stack = new_stack();
    outer_stack_ = new_stack();
  }
  ~Checker() {
    for (Thread& thread : threads_) ::munmap(thread.stack, kStack);
    ::munmap(outer_stack_, kStack);
  }
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  Report explore() {
    const auto start = std::chrono::steady_clock::now();
    pending_.push_back({});
    std::uint64_t runs = 0;
    while (!pending_.empty() && report_.fault.empty() && runs < limits_.runs) {
      saved_ = std::move(pending_.back());
      pending_.pop_back();
      ++runs;
      run();
    }
    report_.complete = pending_.empty() && report_.fault.empty();
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(report_);
  }

  // ---- the program ----

  void add_thread(const char* name, std::function<void()>* body) {
    if (thread_count_ == kThreads) fail("too many threads");
    threads_[thread_count_].name = name;
    threads_[thread_count_].body = body;
    ++thread_count_;
  }
  void set_finally(std::function<void()>* body) { finally_ = body; }
  void observe(const std::string& outcome) { ++report_.outcomes[std::string(outcome.data(), outcome.size())]; }

  // ---- accesses ----

  [[nodiscard]] static bool tracked() { return current >= 0 && current < kThreads; }

  Bits load(const void* at, unsigned size, std::memory_order order, const Where& where, bool exclusive) {
    const int id = read(at, size, exclusive, where);
    Event& event = events_[static_cast<std::size_t>(id)];
    finish_read(event, order);
    log(exclusive ? "reads, to change it," : "reads", event, order, where);
    const Bits value = event.value;
    if (!exclusive) let_others_run();
    return value;
  }

  void store(void* at, unsigned size, Bits value, std::memory_order order, const Where& where, bool exclusive) {
    write(at, size, value, order, where, exclusive, false);
    let_others_run();
  }

  bool compare_exchange(void* at, unsigned size, Bits& expected, Bits desired, std::memory_order order,
                        const Where& where, bool own) {
    const int id = read(at, size, true, where);
    const Event event = events_[static_cast<std::size_t>(id)];
    const bool done = event.value == expected;
    std::memory_order failed = order;
    if (order == std::memory_order_acq_rel) failed = std::memory_order_acquire;
    if (order == std::memory_order_release) failed = std::memory_order_relaxed;
    finish_read(events_[static_cast<std::size_t>(id)], done ? order : failed);
    log(done ? "reads, to change it," : "compares with another value and reads", event, done ? order : failed, where);
    expected = event.value;
    if (done)
      write(at, size, desired, order, where, true, own);
    else
      threads_[current].half = false;
    let_others_run();
    return done;
  }

  Bits read_own(const void* at, unsigned size, const Where& where) {
    const Inside inside;
    Location& location = touch(at, size, where, plain_time());
    Thread& thread = threads_[current];
    for (const int id : location.writes)
      if (!event(id).in(thread.happens)) fault_race("reads as its own", location, event(id).thread, where);
    location.plain_reads[current] = plain_time();
    return location.writes.empty() ? location.initial : event(location.writes.back()).value;
  }

  void store_own(void* at, unsigned size, Bits value, std::memory_order order, const Where& where) {
    write(at, size, value, order, where, false, true);
    let_others_run();
  }

  void plain(const void* at, bool write, const Where& where) {
    const Inside inside;
    Location& location = touch(at, 1, where, plain_time());
    Thread& thread = threads_[current];
    for (int other = 0; other < thread_count_; ++other) {
      if (other == current) continue;
      const int last = std::max(location.plain_writes[other], write ? location.plain_reads[other] : -1);
      if (last >= 0 && thread.happens.of[static_cast<std::size_t>(other)] <= last)
        fault_race(write ? "writes" : "reads", location, other, where);
    }
    (write ? location.plain_writes : location.plain_reads)[current] = plain_time();
  }

  void wait() {
    if (can_replay(current)) fail("the checker cannot repeat an execution: a thread waits that did not before");
    threads_[current].state = State::kWaiting;
    go_on();
  }

  void begin_attempt() { threads_[current].attempt = count(); }

  void hold(bool on) {
    threads_[current].holds = on;
    if (!on) let_others_run();
  }

  void memory_freed(void* at, std::size_t size) {
    const auto first = reinterpret_cast<std::uintptr_t>(at);
    Thread& thread = threads_[current];
    for (Location& location : locations_) {
      if (location.run != run_ || location.address < first || location.address >= first + size) continue;
      for (int other = 0; other < thread_count_; ++other)
        if (other != current && location.touches[other] >= 0 &&
            thread.happens.of[static_cast<std::size_t>(other)] <= location.touches[other])
          fail("memory is freed while another thread uses it: " + describe(location.address) + " at " +
               describe(location.at[other]) + " by " + threads_[other].name + " is not ordered before");
    }
    freed_.emplace_back(first, first + size);
    steps_.push_back({current, "frees", first, size, std::memory_order_relaxed, -2, Where()});
  }

  [[nodiscard]] bool is_freed(std::uintptr_t address) const {
    return std::ranges::any_of(freed_,
                               [&](const auto& range) { return address >= range.first && address < range.second; });
  }

  [[noreturn]] void fail(const std::string& what) {
    const Inside inside;
    if (report_.fault.empty()) report_.fault = what + "\n" + story();
    end_run();
  }

 private:
  static std::byte* new_stack() {
    void* at = ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) std::abort();
    ::mprotect(at, 4096, PROT_NONE);
    return static_cast<std::byte*>(at);
  }

  Event& event(int id) { return events_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] int count() const { return static_cast<int>(threads_[current].events.size()); }
  // When an access that is no event happens: after the events so far. A critical section happens with its lock.
  [[nodiscard]] int plain_time() const { return threads_[current].holds ? count() - 1 : count(); }
  [[nodiscard]] bool replaying() const { return left_ != 0; }

  // ---- one execution ----

  void run() {
    ++run_;
    events_.clear();
    events_.resize(saved_.size());
    freed_.clear();
    steps_.clear();
    left_ = saved_.size();
    thread_count_ = 0;
    finally_ = nullptr;
    inconsistent_ = false;
    Arena::reset();
    outer([this] {
      auto* program = new Program;
      setup_(*program);
      setup_end_ = Arena::end();
    });
    if (!report_.fault.empty()) return;
    for (int i = 0; i < thread_count_; ++i) prepare(i);
    for (std::size_t id = 0; id < saved_.size(); ++id) {
      events_[id].from = saved_[id].from;
      events_[id].rank = saved_[id].rank;
      events_[id].write = saved_[id].write;
      events_[id].thread = saved_[id].thread;
      threads_[saved_[id].thread].replay.push_back(static_cast<int>(id));
    }
    if (::getcontext(&main_) != 0) std::abort();
    if (!running_) {
      running_ = true;
      go_on();
    }
    running_ = false;
    leave(kOutside);
    if (report_.fault.empty()) settle();
  }

  void prepare(int i) {
    Thread& thread = threads_[i];
    thread.state = State::kNew;
    thread.half = thread.holds = false;
    thread.last_write = 0;
    thread.attempt = -1;
    thread.happens = thread.causes = {};
    thread.replay.clear();
    thread.replayed = 0;
    thread.events.clear();
    start(thread.context, thread.stack, &Checker::run_thread);
  }

  static void start(ucontext_t& context, std::byte* stack, void (*function)()) {
    ::getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    ::makecontext(&context, function, 0);
  }

  static void run_thread() {
    Thread& thread = checker->threads_[current];
    thread.state = State::kRunning;
    Arena::use(true);
    (*thread.body)();
    Arena::use(false);
    thread.state = State::kEnded;
    checker->go_on();
  }

  // Setup and finally, which see plain memory.
  void outer(std::function<void()> body) {
    outer_body_ = &body;
    ucontext_t context;
    start(context, outer_stack_, [] {
      Arena::use(true);
      (*checker->outer_body_)();
      Arena::use(false);
      checker->end_run();
    });
    if (::getcontext(&main_) != 0) std::abort();
    if (!running_) {
      running_ = true;
      current = kBeforeOrAfter;
      this_thread_number = 1;
      ::setcontext(&context);
    }
    running_ = false;
    leave(kOutside);
  }

  void leave(int to) {
    Arena::use(false);
    current = to;
  }

  [[noreturn]] void end_run() {
    Arena::use(false);
    ::setcontext(&main_);
    std::abort();
  }

  // The thread whose turn it is, -1: none.
  [[nodiscard]] int next_thread() {
    if (replaying()) {
      if (tracked() && can_replay(current)) return current;
      for (int i = 0; i < thread_count_; ++i)
        if (can_replay(i)) return i;
      fail("the checker cannot repeat an execution: does the program depend on something else?");
    }
    for (int i = 0; i < thread_count_; ++i)
      if (threads_[i].half) return i;
    for (int i = 0; i < thread_count_; ++i)
      if (threads_[i].state == State::kNew || threads_[i].state == State::kRunning) return i;
    return -1;
  }
  [[nodiscard]] bool can_replay(int i) {
    const Thread& thread = threads_[i];
    if (thread.replayed == thread.replay.size()) return false;
    const Event& next = event(thread.replay[thread.replayed]);
    return next.write || next.from == kInitial || event(next.from).done;
  }

  // Lets the thread run whose turn it is. Returns when it is the caller's; never, when the execution is over.
  void go_on() {
    const Inside inside;
    const int self = current;
    const int next = next_thread();
    if (next == -1) end_run();
    if (next == self && threads_[self].state == State::kRunning) return;
    current = next;
    this_thread_number = static_cast<ThreadId>(next + 1);
    if (self < 0 || self >= kThreads || threads_[self].state == State::kEnded ||
        threads_[self].state == State::kWaiting)
      ::setcontext(&threads_[next].context);
    else
      ::swapcontext(&threads_[self].context, &threads_[next].context);
    current = self;  // not reached before somebody chose this thread again
  }
  void let_others_run() {
    if (!threads_[current].holds) go_on();
  }

  // ---- events ----

  // `since`: events of the thread before the access.
  Location& touch(const void* at, unsigned size, const Where& where, int since) {
    const Inside inside;
    const auto address = reinterpret_cast<std::uintptr_t>(at);
    for (const auto& [first, end] : freed_)
      if (address >= first && address < end) fail(describe(address) + " was freed: " + describe(where) + " uses it");
    if (Arena::holds(at) && address >= setup_end_) fail("an atomic was made by a thread");
    const auto [found, added] = places_.try_emplace(address, static_cast<int>(locations_.size()));
    if (added) locations_.emplace_back();
    Location& location = locations_[static_cast<std::size_t>(found->second)];
    if (location.run != run_) {
      location.run = run_;
      location.address = address;
      location.size = size;
      location.initial = 0;
      std::memcpy(&location.initial, at, size);
      location.writes.clear();
      location.reads.clear();
      location.plain_reads.fill(-1);
      location.plain_writes.fill(-1);
      location.touches.fill(-1);
    }
    location.touches[current] = since;
    location.at[current] = where;
    last_touched_ = found->second;
    return location;
  }

  // The event that the current thread runs now.
  int begin(bool write) {
    go_on();
    const Inside inside;
    Thread& thread = threads_[current];
    int id = 0;
    if (replaying()) {
      id = thread.replay[thread.replayed++];
      if (event(id).write != write) fail("the checker cannot repeat an execution: another access than before");
    } else {
      id = static_cast<int>(events_.size());
      events_.emplace_back();
    }
    thread.events.push_back(id);
    Event& now = event(id);
    now.thread = current;
    now.index = count();
    now.write = write;
    now.before = thread.happens;
    thread.happens.of[static_cast<std::size_t>(current)] = static_cast<std::uint16_t>(now.index);
    thread.causes.of[static_cast<std::size_t>(current)] = static_cast<std::uint16_t>(now.index);
    return id;
  }

  int read(const void* at, unsigned size, bool exclusive, const Where& where) {
    const int id = begin(false);
    const Inside inside;
    Location& location = touch(at, size, where, count() - 1);
    Event& now = event(id);
    now.location = last_touched_;
    now.exclusive = exclusive;
    threads_[current].half = exclusive;
    if (replaying()) {
      now.done = true;
      --left_;
    } else {
      const int least = least_visible(location, now.before);
      const int last = static_cast<int>(location.writes.size());
      for (int position = least; position < last; ++position) {
        now.from = write_at(location, position);
        now.done = true;
        pending_.push_back(save());
      }
      now.from = write_at(location, last);
      now.done = true;
    }
    now.value = now.from == kInitial ? location.initial : event(now.from).value;
    location.reads.push_back(id);
    return id;
  }

  static int write_at(const Location& location, int position) {
    return position == 0 ? kInitial : location.writes[static_cast<std::size_t>(position - 1)];
  }

  // Where the writes begin that a thread may see, which knows what is in `clock`.
  int least_visible(const Location& location, const Clock& clock) {
    int least = 0;
    for (const int id : location.writes)
      if (event(id).in(clock)) least = std::max(least, location.position(id));
    for (const int id : location.reads)
      if (event(id).in(clock)) least = std::max(least, location.position(event(id).from));
    return least;
  }

  void finish_read(Event& now, std::memory_order order) {
    const Inside inside;
    check_order(order);
    Thread& thread = threads_[current];
    if (now.from != kInitial) {
      const Event& from = event(now.from);
      if (acquires(order)) thread.happens.join(from.released);
      thread.causes.join(from.causes);
    }
    now.happens = thread.happens;
    now.causes = thread.causes;
  }

  void write(void* at, unsigned size, Bits value, std::memory_order order, const Where& where, bool exclusive,
             bool own) {
    const int id = begin(true);
    const Inside inside;
    check_order(order);
    Location& location = touch(at, size, where, count() - 1);
    Thread& thread = threads_[current];
    Event& now = event(id);
    now.location = last_touched_;
    now.exclusive = exclusive;
    now.value = value;
    now.happens = thread.happens;
    now.causes = thread.causes;
    const int source = exclusive ? event(thread.events[thread.events.size() - 2]).from : kInitial;
    if (releases(order)) now.released = now.happens;
    if (exclusive && source != kInitial) now.released.join(event(source).released);
    thread.half = false;
    thread.last_write = now.index;
    if (own) check_own(location, now, where);
    check_plain(location, where);

    if (replaying()) {
      std::size_t place = location.writes.size();
      while (place > 0 && event(location.writes[place - 1]).rank > now.rank) --place;
      location.writes.insert(location.writes.begin() + static_cast<std::ptrdiff_t>(place), id);
      now.done = true;
      --left_;
    } else {
      try_revisits(location, id, source);
      place(location, id, source);
    }
    log(exclusive ? "changes" : "writes", now, order, where);
    if (inconsistent_) end_run();
  }

  // Puts a new write behind every other, and saves the executions in which it is somewhere else.
  void place(Location& location, int id, int source) {
    Event& now = event(id);
    std::vector<int>& writes = location.writes;
    now.done = true;
    const auto insert = [&](int position) { writes.insert(writes.begin() + position, id); };
    if (now.exclusive) {
      const int position = location.position(source);
      insert(position);
      inconsistent_ = !whole(writes, position + 1);
      return;
    }
    const int last = static_cast<int>(writes.size());
    for (int position = least_visible(location, now.before); position < last; ++position) {
      if (!whole(writes, position)) continue;
      insert(position);
      pending_.push_back(save());
      writes.erase(writes.begin() + position);
    }
    insert(last);
  }

  // False when what stands at `index` is the second half of a read-modify-write that read what is no longer, or not
  // any more, directly before it, once something is inserted there.
  bool whole(const std::vector<int>& writes, int index) {
    return index >= static_cast<int>(writes.size()) || !event(writes[static_cast<std::size_t>(index)]).exclusive;
  }

  void check_own(Location& location, const Event& now, const Where& where) {
    for (const int id : location.writes)
      if (!event(id).in(now.happens)) fault_race("writes as its own", location, event(id).thread, where);
  }
  // A write that is not ordered after what the single writer read.
  void check_plain(Location& location, const Where& where) {
    for (int other = 0; other < thread_count_; ++other)
      if (other != current && location.plain_reads[other] >= 0 &&
          threads_[current].happens.of[static_cast<std::size_t>(other)] <= location.plain_reads[other])
        fault_race("writes", location, other, where);
  }

  // ---- taking back ----

  // Each read of the location that the new write does not depend on may have seen it, if what was added since the read
  // can be taken back. Only from one of the executions that differ in what is taken back: the one in which each of
  // these events is the plainest, seeing or being the last write.
  void try_revisits(Location& location, int id, int source) {
    for (std::size_t i = 0; i < location.reads.size(); ++i) {
      const int read = location.reads[i];
      if (event(read).in(event(id).causes)) continue;
      bool plainest = true;
      for (int other = read; plainest && other < id; ++other)
        plainest = (other != read && kept(other, read, id)) || is_plainest(other, id);
      if (plainest) revisit(location, read, id, source);
    }
  }
  bool kept(int other, int read, int write) { return other <= read || event(other).in(event(write).causes); }

  bool is_plainest(int id, int write) {
    const auto previous = [&](int other) { return other <= id || event(other).in(event(write).causes); };
    const Event& now = event(id);
    const Location& location = locations_[static_cast<std::size_t>(now.location)];
    if (now.write)
      for (const int read : location.reads)
        if (event(read).from == id && previous(read)) return false;
    const int what = now.write ? id : now.from;
    if (what != kInitial && !previous(what)) return false;
    for (int position = location.position(what) + 1; position <= static_cast<int>(location.writes.size()); ++position)
      if (previous(write_at(location, position))) return false;
    return true;
  }

  void revisit(const Location& location, int read, int id, int source) {
    std::vector<int> writes;  // of this location that stay
    for (const int other : location.writes)
      if (kept(other, read, id)) writes.push_back(other);
    Location left;
    left.writes = writes;
    for (const int other : location.reads)
      if (other != read && kept(other, read, id)) left.reads.push_back(other);
    const int after = least_visible(left, event(read).before);
    const int last = static_cast<int>(writes.size());
    int first = std::max(least_visible(left, event(id).before), after);
    int end = last;
    if (event(id).exclusive) {
      const int only = left.position(source);
      if (only < after) return;
      first = end = only;
    }
    for (int position = first; position <= end; ++position) {
      if (!whole(writes, position)) continue;
      std::vector<int> order = writes;
      order.insert(order.begin() + position, id);
      pending_.push_back(save_revisited(location, order, read, id));
    }
  }

  SavedGraph save() {
    SavedGraph graph;
    graph.reserve(events_.size());
    for (std::size_t i = 0; i < events_.size(); ++i) graph.push_back(saved(events_[i]));
    set_ranks(graph, nullptr, nullptr, {});
    return graph;
  }
  static Saved saved(const Event& event) {
    return {static_cast<std::uint8_t>(event.thread), event.write, static_cast<std::int16_t>(event.from), 0};
  }

  SavedGraph save_revisited(const Location& location, const std::vector<int>& order, int read, int id) {
    std::vector<int> number(events_.size(), -2);
    SavedGraph graph;
    for (int i = 0; i <= id; ++i) {
      if (i != id && !kept(i, read, id)) continue;
      number[static_cast<std::size_t>(i)] = static_cast<int>(graph.size());
      graph.push_back(saved(event(i)));
    }
    for (int i = 0; i <= id; ++i) {
      if (number[static_cast<std::size_t>(i)] < 0) continue;
      Saved& entry = graph[static_cast<std::size_t>(number[static_cast<std::size_t>(i)])];
      const int from = i == read ? id : entry.from;
      entry.from = static_cast<std::int16_t>(from == kInitial ? kInitial : number[static_cast<std::size_t>(from)]);
    }
    set_ranks(graph, &number, &location, order);
    return graph;
  }

  void set_ranks(SavedGraph& graph, const std::vector<int>* number, const Location* other,
                 const std::vector<int>& order) {
    for (const Location& location : locations_) {
      if (location.run != run_) continue;
      const std::vector<int>& writes = &location == other ? order : location.writes;
      std::int16_t rank = 1;
      for (const int id : writes) {
        const int to = number == nullptr ? id : (*number)[static_cast<std::size_t>(id)];
        if (to >= 0) graph[static_cast<std::size_t>(to)].rank = rank;
        ++rank;
      }
    }
  }

  // ---- the end of an execution ----

  void settle() {
    if (inconsistent_) {
      ++report_.cut;
      return;
    }
    std::string waiting;
    bool in_vain = true;
    for (int i = 0; i < thread_count_; ++i) {
      if (threads_[i].state != State::kWaiting) continue;
      waiting += std::string(waiting.empty() ? "" : " and ") + threads_[i].name;
      in_vain = in_vain && waits_in_vain(threads_[i]);
    }
    if (!waiting.empty()) {
      ++report_.blocked;
      if (in_vain) report_.fault = waiting + " waits for ever\n" + story();
      return;
    }
    ++report_.executions;
    if (limits_.distinct) check_distinct();
    for (Location& location : locations_) {
      if (location.run != run_ || location.writes.empty() || is_freed(location.address)) continue;
      std::memcpy(reinterpret_cast<void*>(location.address), &event(location.writes.back()).value, location.size);
    }
    if (finally_ != nullptr) outer([this] { (*finally_)(); });
  }

  // All that it looked at, since its last write or in its last attempt, is as it will be for ever.
  bool waits_in_vain(const Thread& thread) {
    const int since = thread.attempt >= 0 ? thread.attempt : thread.last_write;
    for (std::size_t i = thread.events.size(); i > static_cast<std::size_t>(since); --i) {
      const int* const id = &thread.events[i - 1];
      if (event(*id).write) continue;
      const Location& location = locations_[static_cast<std::size_t>(event(*id).location)];
      if (location.position(event(*id).from) != static_cast<int>(location.writes.size())) return false;
    }
    return true;
  }

  void check_distinct() {
    std::string key;
    for (int i = 0; i < thread_count_; ++i)
      for (const int id : threads_[i].events) {
        const Event& now = event(id);
        const Event from = now.from == kInitial ? Event{} : event(now.from);
        key += now.write ? "W" + std::to_string(locations_[static_cast<std::size_t>(now.location)].position(id))
                         : "R" + std::to_string(from.thread) + "." + std::to_string(from.index);
        key += ";";
      }
    if (!seen_.insert(key).second) report_.fault = "explored twice: " + key + "\n" + story();
  }

  // ---- words ----

  void check_order(std::memory_order order) {
    if (order == std::memory_order_seq_cst || order == std::memory_order_consume)
      fail("an order that is not supported");
  }
  [[noreturn]] void fault_race(const char* what, const Location& location, int other, const Where& where) {
    fail(std::string("a race: ") + threads_[current].name + " " + what + " " + describe(location.address) + " at " +
         describe(where) + "; the access of " + threads_[other].name + " at " + describe(location.at[other]) +
         " is not ordered before");
  }
  void log(const char* what, const Event& event, std::memory_order order, const Where& where) {
    const Inside inside;
    steps_.push_back({event.thread, what, locations_[static_cast<std::size_t>(event.location)].address, event.value,
                      order, event.write ? -2 : event.from, where});
  }
  static std::string describe(std::uintptr_t address) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%zx", static_cast<std::size_t>(address));
    return text;
  }
  static std::string describe(const Where& where) {
    if (where.line() == 0) return "?";
    const char* file = std::strstr(where.file_name(), "netmem/");
    for (const char* next = file; next != nullptr; next = std::strstr(next + 1, "netmem/")) file = next;
    const char* tests = std::strstr(where.file_name(), "tests/");
    if (tests != nullptr) file = tests;
    return std::string(file != nullptr ? file : where.file_name()) + ":" + std::to_string(where.line());
  }
  std::string story() {
    std::string text = "execution " + std::to_string(run_) + ", the same in every run:\n";
    for (const Step& step : steps_) {
      char line[256];
      std::snprintf(line, sizeof line, "  %-12s %s %s %s 0x%zx at %s", threads_[step.thread].name, step.what,
                    describe(step.address).c_str(), step.where.line() == 0 ? "bytes" : name_of(step.order),
                    static_cast<std::size_t>(step.value), describe(step.where).c_str());
      text += line;
      if (step.from >= 0) text += std::string(", as ") + threads_[event(step.from).thread].name + " wrote it";
      text += "\n";
    }
    return text;
  }

  const std::function<void(Program&)>& setup_;
  const Limits limits_;
  Report report_;
  std::vector<SavedGraph> pending_;
  std::set<std::string> seen_;

  // Of the execution that runs.
  std::uint64_t run_ = 0;
  SavedGraph saved_;
  std::size_t left_ = 0;  // saved events that were not run yet
  std::vector<Event> events_;
  std::vector<Location> locations_;
  std::unordered_map<std::uintptr_t, int> places_;
  int last_touched_ = 0;
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> freed_;
  std::vector<Step> steps_;
  std::uintptr_t setup_end_ = 0;
  bool inconsistent_ = false;

  std::array<Thread, kThreads> threads_;
  int thread_count_ = 0;
  std::function<void()>* finally_ = nullptr;
  const std::function<void()>* outer_body_ = nullptr;
  std::byte* outer_stack_ = nullptr;
  ucontext_t main_{};
  volatile bool running_ = false;
};

void on_crash(int, siginfo_t* info, void*) {
  if (checker == nullptr || current == kOutside) std::abort();
  char text[128];
  std::snprintf(text, sizeof text, "thread %d crashes, reading or writing %p%s", current, info->si_addr,
                Arena::holds(info->si_addr) ? ", which was freed" : "");
  checker->fail(text);
}

}  // namespace

void Program::thread(const char* name, std::function<void()> body) {
  checker->add_thread(name, new std::function<void()>(std::move(body)));
}
void Program::finally(std::function<void()> body) { checker->set_finally(new std::function<void()>(std::move(body))); }

Report explore(const std::function<void(Program&)>& setup, Limits limits) {
  static std::byte signal_stack[64 << 10];
  const stack_t stack{.ss_sp = signal_stack, .ss_flags = 0, .ss_size = sizeof signal_stack};
  ::sigaltstack(&stack, nullptr);
  struct sigaction action{}, before{};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, &before);
  Checker it(setup, limits);
  checker = &it;
  Report report = it.explore();
  checker = nullptr;
  ::sigaction(SIGSEGV, &before, nullptr);
  return report;
}

void require(bool holds, const char* what) {
  if (!holds) checker->fail(what);
}
void observe(const std::string& outcome) {
  const Inside inside;
  checker->observe(outcome);
}

std::string Report::summary() const {
  char text[160];
  std::snprintf(text, sizeof text, "explored %zu executions (and %zu that wait, %zu cut off), %s, %.2f s",
                static_cast<std::size_t>(executions), static_cast<std::size_t>(blocked), static_cast<std::size_t>(cut),
                complete        ? "all there are"
                : fault.empty() ? "then reached the limit"
                                : "then found a fault",
                seconds);
  return text;
}

// ---- what the types call ----

Bits load(const void* at, unsigned size, std::memory_order order, const Where& where) {
  if (Checker::tracked()) return checker->load(at, size, order, where, false);
  Bits value = 0;
  std::memcpy(&value, at, size);
  return value;
}
void store(void* at, unsigned size, Bits value, std::memory_order order, const Where& where) {
  if (Checker::tracked()) return checker->store(at, size, value, order, where, false);
  std::memcpy(at, &value, size);
}
Bits load_exclusive(void* at, unsigned size, std::memory_order order, const Where& where) {
  return Checker::tracked() ? checker->load(at, size, order, where, true) : load(at, size, order, where);
}
void store_exclusive(void* at, unsigned size, Bits value, std::memory_order order, const Where& where) {
  if (Checker::tracked()) return checker->store(at, size, value, order, where, true);
  std::memcpy(at, &value, size);
}
bool compare_exchange(void* at, unsigned size, Bits& expected, Bits desired, std::memory_order order,
                      const Where& where) {
  if (Checker::tracked()) return checker->compare_exchange(at, size, expected, desired, order, where, false);
  const Bits wanted = std::exchange(expected, load(at, size, order, where));
  if (expected != wanted) return false;
  std::memcpy(at, &desired, size);
  return true;
}
Bits read_own(const void* at, unsigned size, const Where& where) {
  return Checker::tracked() ? checker->read_own(at, size, where) : load(at, size, std::memory_order_relaxed, where);
}
void store_own(void* at, unsigned size, Bits value, std::memory_order order, const Where& where) {
  if (Checker::tracked()) return checker->store_own(at, size, value, order, where);
  std::memcpy(at, &value, size);
}
bool compare_exchange_own(void* at, unsigned size, Bits& expected, Bits desired, const Where& where) {
  if (Checker::tracked())
    return checker->compare_exchange(at, size, expected, desired, std::memory_order_relaxed, where, true);
  return compare_exchange(at, size, expected, desired, std::memory_order_relaxed, where);
}
void plain_read(const void* at, const Where& where) {
  if (Checker::tracked()) checker->plain(at, false, where);
}
void plain_write(const void* at, const Where& where) {
  if (Checker::tracked()) checker->plain(at, true, where);
}
void wait() {
  if (Checker::tracked()) return checker->wait();
  require(false, "setup or finally waits");
}

bool is_freed(const void* at) { return checker->is_freed(reinterpret_cast<std::uintptr_t>(at)); }
void until(const std::function<bool()>& attempt, int tries) {
  while (true) {
    if (Checker::tracked()) checker->begin_attempt();
    if (attempt()) return;
    if (--tries <= 0) wait();
  }
}

void freed(void* at, std::size_t size) {
  if (!Checker::tracked()) return;
  const Inside inside;
  checker->memory_freed(at, size);
}

void Lock::lock(const Where& where) {
  if (Checker::tracked()) checker->hold(true);
  turns_.fetch_add(1, std::memory_order_acq_rel, where);
}
void Lock::unlock() {
  if (Checker::tracked()) checker->hold(false);
}

}  // namespace netmem::weak
