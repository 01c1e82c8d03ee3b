// The return ring and the lock, under every order of accesses that the memory model allows.
#include <gtest/gtest.h>

#include <array>
#include <mutex>

#include "netmem/base/spin_lock.h"
#include "netmem/ring/return_ring.h"
#include "tests/weak/checker.h"
#include "tests/weak/explored.h"

namespace netmem::weak {
namespace {

// Values are numbers times 8; each stands for a message that was written, without atomics, before it was pushed.
constexpr std::size_t kMessages = 8;

struct World {
  explicit World(std::size_t slots) : ring(slots) {}

  ReturnRing ring;
  std::array<Plain<std::uint64_t>, kMessages> messages;
  std::array<int, kMessages> popped{};

  // How many went in.
  std::size_t push(std::uint64_t first, std::size_t count) {
    std::array<std::uint64_t, kMessages> values{};
    for (std::size_t i = 0; i < count; ++i) {
      messages[first + i] = first + i + 100;
      values[i] = (first + i) * 8;
    }
    return ring.push(std::span(values).first(count));
  }
  void take(std::span<const std::uint64_t> values) {
    for (const std::uint64_t value : values) {
      require(value % 8 == 0 && value / 8 < kMessages, "what comes out of the ring was pushed");
      require(messages[value / 8] == value / 8 + 100, "its message is seen");
      require(++popped[value / 8] == 1, "it comes out once");
    }
  }
  std::size_t pop(std::size_t most) {
    std::array<std::uint64_t, kMessages> out{};
    const std::size_t count = ring.pop(std::span(out).first(most));
    take(std::span(out).first(count));
    return count;
  }
  void drain() {
    std::array<std::uint64_t, kMessages> out{};
    while (const std::size_t count = ring.drain_closed(out)) take(std::span(out).first(count));
  }
  // The values [first, first + count) came out, and those behind them did not.
  void require_popped(std::uint64_t first, std::size_t count, std::size_t pushed) const {
    for (std::size_t i = 0; i < count; ++i)
      require(popped[first + i] == (i < pushed ? 1 : 0), "what was pushed comes out, and nothing else");
  }
};

// The ring has moved on by so many values: positions, phases and what lies in the slots are those of a later lap.
void advance(World& world, std::size_t values) {
  for (std::size_t i = 0; i < values; ++i) {
    const std::uint64_t value = 8000;
    std::uint64_t out = 0;
    require(world.ring.push(std::span(&value, 1)) == 1, "setup pushes");
    require(world.ring.pop(std::span(&out, 1)) == 1, "setup pops");
  }
}

TEST(WeakRing, TwoProducersAndAConsumerAcrossTheEndOfALap) {
  explored([](Program& p) {
    auto* w = new World(2);
    auto* pushed = new std::array<std::size_t, 2>{};
    advance(*w, 1);
    p.thread("consumer", [=] {
      w->pop(2);
      w->pop(1);
    });
    p.thread("producer 1", [=] { (*pushed)[0] = w->push(0, 2); });
    p.thread("producer 2", [=] { (*pushed)[1] = w->push(2, 1); });
    p.finally([=] {
      w->pop(kMessages);
      w->require_popped(0, 2, (*pushed)[0]);
      w->require_popped(2, 1, (*pushed)[1]);
      require((*pushed)[0] + (*pushed)[1] >= 2, "two slots take two values");
      observe(std::to_string((*pushed)[0]) + std::to_string((*pushed)[1]));
    });
  });
}

TEST(WeakRing, AProducerFillsTheSlotsThatTheConsumerEmpties) {
  explored([](Program& p) {
    auto* w = new World(2);
    advance(*w, 1);
    p.thread("consumer", [=] {
      for (std::size_t got = 0; got < 5;)
        until([&] {
          const std::size_t count = w->pop(2);
          got += count;
          return count != 0;
        });
    });
    p.thread("producer", [=] {
      for (std::uint64_t next = 0; next < 5;)
        until(
            [&] {
              const std::size_t count = w->push(next, std::min<std::size_t>(2, 5 - next));
              next += count;
              return count != 0;
            },
            2);
    });
    p.finally([=] { w->require_popped(0, 5, 5); });
  });
}

TEST(WeakRing, OneSlotServesTwoProducers) {
  explored([](Program& p) {
    auto* w = new World(1);
    p.thread("consumer", [=] {
      for (int got = 0; got < 3; ++got) until([=] { return w->pop(1) == 1; });
    });
    p.thread("producer 1", [=] {
      until([=] { return w->push(0, 1) == 1; }, 2);
      until([=] { return w->push(1, 1) == 1; });
    });
    p.thread("producer 2", [=] { until([=] { return w->push(2, 1) == 1; }); });
    p.finally([=] { w->require_popped(0, 3, 3); });
  });
}

// A producer that learns of the consumer's progress from another one alone, through tail_seen_, does not write its slot
// before the value that was there.
TEST(WeakRing, ProducersTellEachOtherOfTheConsumersProgress) {
  explored([](Program& p) {
    auto* w = new World(1);
    auto* pushed = new std::array<std::size_t, 3>{};
    p.thread("consumer", [=] {
      (*pushed)[0] = w->push(0, 1);
      w->pop(1);
      w->pop(1);
    });
    for (std::uint64_t i = 1; i < 3; ++i)
      p.thread(i == 1 ? "producer 1" : "producer 2", [=] { (*pushed)[i] = w->push(i, 1); });
    p.finally([=] {
      w->pop(kMessages);
      for (std::uint64_t i = 0; i < 3; ++i) w->require_popped(i, 1, (*pushed)[i]);
      observe(std::to_string((*pushed)[0]) + std::to_string((*pushed)[1]) + std::to_string((*pushed)[2]));
    });
  });
}

TEST(WeakRing, FourSlotsTakeBatchesOfTwoProducers) {
  explored([](Program& p) {
    auto* w = new World(4);
    auto* pushed = new std::array<std::size_t, 2>{};
    advance(*w, 2);
    p.thread("consumer", [=] { w->pop(4); });
    p.thread("producer 1", [=] { (*pushed)[0] = w->push(0, 3); });
    p.thread("producer 2", [=] { (*pushed)[1] = w->push(3, 2); });
    p.finally([=] {
      w->pop(kMessages);
      w->require_popped(0, 3, (*pushed)[0]);
      w->require_popped(3, 2, (*pushed)[1]);
      observe(std::to_string((*pushed)[0]) + std::to_string((*pushed)[1]));
    });
  });
}

TEST(WeakRing, AClosedRingGivesWhatItTookAndTakesNoMore) {
  explored([](Program& p) {
    auto* w = new World(2);
    auto* pushed = new std::array<std::size_t, 2>{};
    advance(*w, 1);
    p.thread("consumer", [=] {
      w->pop(1);
      w->ring.close();
      w->drain();
    });
    p.thread("producer 1", [=] { (*pushed)[0] = w->push(0, 2); });
    p.thread("producer 2", [=] { (*pushed)[1] = w->push(2, 1); });
    p.finally([=] {
      w->require_popped(0, 2, (*pushed)[0]);
      w->require_popped(2, 1, (*pushed)[1]);
      require(w->push(4, 1) == 0, "a closed ring takes nothing");
      observe(std::to_string((*pushed)[0]) + std::to_string((*pushed)[1]));
    });
  });
}

TEST(WeakSpinLock, ThreeThreadsSeeWhatTheOthersDidUnderTheLock) {
  explored([](Program& p) {
    struct State {
      SpinLock lock;
      Plain<int> count;
    };
    auto* state = new State;
    for (int i = 0; i < 3; ++i)
      p.thread("worker", [=] {
        const std::scoped_lock lock(state->lock);
        state->count += 1;
      });
    p.finally([=] { require(state->count == 3, "each counted once"); });
  });
}

}  // namespace
}  // namespace netmem::weak
