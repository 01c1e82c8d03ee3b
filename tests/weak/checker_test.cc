// The checker itself: small programs whose outcomes are known, and random ones whose executions are counted in another
// way.
#include "tests/weak/checker.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/weak/enumerate.h"

namespace netmem::weak {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kBoth = std::memory_order_acq_rel;

using Outcomes = std::set<std::string>;

Outcomes outcomes_of(const std::function<void(Program&)>& setup) {
  const Report report = explore(setup, {.distinct = true});
  EXPECT_EQ(report.fault, "");
  EXPECT_TRUE(report.complete);
  Outcomes found;
  for (const auto& [outcome, count] : report.outcomes) found.insert(outcome);
  return found;
}

std::string fault_of(const std::function<void(Program&)>& setup) { return explore(setup).fault; }

struct Shared {
  Atomic<std::uint32_t> x, y, z;
  Plain<std::uint32_t> data;
  int r[4] = {};
  [[nodiscard]] std::string registers(int count) const {
    std::string text;
    for (int i = 0; i < count; ++i) text += std::to_string(r[i]);
    return text;
  }
  void get(int i, Atomic<std::uint32_t>& from, std::memory_order order) { r[i] = static_cast<int>(from.load(order)); }
};

TEST(WeakChecker, StoreBufferingGivesAllFourOutcomes) {
  const auto program = [](Program& p) {
    auto* s = new Shared;
    p.thread("a", [=] {
      s->x.store(1, kRelease);
      s->get(0, s->y, kAcquire);
    });
    p.thread("b", [=] {
      s->y.store(1, kRelease);
      s->get(1, s->x, kAcquire);
    });
    p.finally([=] { observe(s->registers(2)); });
  };
  EXPECT_EQ(outcomes_of(program), (Outcomes{"00", "01", "10", "11"}));
}

std::function<void(Program&)> message_passing(std::memory_order store, std::memory_order load) {
  return [=](Program& p) {
    auto* s = new Shared;
    p.thread("writer", [=] {
      s->x.store(1, kRelaxed);
      s->y.store(1, store);
    });
    p.thread("reader", [=] {
      s->get(0, s->y, load);
      s->get(1, s->x, kRelaxed);
    });
    p.finally([=] { observe(s->registers(2)); });
  };
}

TEST(WeakChecker, AMessageIsSeenBehindReleaseAndAcquireOnly) {
  EXPECT_EQ(outcomes_of(message_passing(kRelease, kAcquire)), (Outcomes{"00", "01", "11"}));
  EXPECT_EQ(outcomes_of(message_passing(kRelaxed, kAcquire)), (Outcomes{"00", "01", "10", "11"}));
  EXPECT_EQ(outcomes_of(message_passing(kRelease, kRelaxed)), (Outcomes{"00", "01", "10", "11"}));
}

std::function<void(Program&)> plain_message(std::memory_order store, std::memory_order load) {
  return [=](Program& p) {
    auto* s = new Shared;
    p.thread("writer", [=] {
      s->data = 7;
      s->y.store(1, store);
    });
    p.thread("reader", [=] {
      if (s->y.load(load) == 1) require(s->data == 7, "the message is whole");
    });
  };
}

TEST(WeakChecker, APlainMessageWithoutReleaseAndAcquireIsARace) {
  EXPECT_EQ(fault_of(plain_message(kRelease, kAcquire)), "");
  EXPECT_NE(fault_of(plain_message(kRelaxed, kAcquire)).find("a race"), std::string::npos);
  EXPECT_NE(fault_of(plain_message(kRelease, kRelaxed)).find("a race"), std::string::npos);
}

TEST(WeakChecker, AllThreadsSeeOneLocationChangeInTheSameOrder) {
  const auto program = [](Program& p) {
    auto* s = new Shared;
    p.thread("a", [=] { s->x.store(1, kRelaxed); });
    p.thread("b", [=] { s->x.store(2, kRelaxed); });
    for (const int i : {0, 2})
      p.thread("reader", [=] {
        s->get(i, s->x, kRelaxed);
        s->get(i + 1, s->x, kRelaxed);
      });
    p.finally([=] { observe(s->registers(4)); });
  };
  const Outcomes found = outcomes_of(program);
  EXPECT_TRUE(found.contains("1212"));
  EXPECT_TRUE(found.contains("2121"));
  EXPECT_FALSE(found.contains("1221"));
  EXPECT_FALSE(found.contains("2112"));
  EXPECT_FALSE(found.contains("1011"));
}

TEST(WeakChecker, TwoReadersMaySeeTwoWritersInOppositeOrder) {
  const auto program = [](Program& p) {
    auto* s = new Shared;
    p.thread("a", [=] { s->x.store(1, kRelease); });
    p.thread("b", [=] { s->y.store(1, kRelease); });
    p.thread("xy", [=] {
      s->get(0, s->x, kAcquire);
      s->get(1, s->y, kAcquire);
    });
    p.thread("yx", [=] {
      s->get(2, s->y, kAcquire);
      s->get(3, s->x, kAcquire);
    });
    p.finally([=] { observe(s->registers(4)); });
  };
  const Outcomes found = outcomes_of(program);
  EXPECT_TRUE(found.contains("1010"));  // sequential consistency alone forbids it
  EXPECT_EQ(found.size(), 16U);
}

TEST(WeakChecker, WhatWasSeenOnTheWayIsSeenAtItsEnd) {
  const auto program = [](Program& p) {
    auto* s = new Shared;
    p.thread("a", [=] {
      s->x.store(1, kRelaxed);
      s->y.store(1, kRelease);
    });
    p.thread("b", [=] {
      if (s->y.load(kAcquire) == 1) s->z.store(1, kRelease);
    });
    p.thread("c", [=] {
      s->get(0, s->z, kAcquire);
      s->get(1, s->x, kRelaxed);
    });
    p.finally([=] { observe(s->registers(2)); });
  };
  EXPECT_EQ(outcomes_of(program), (Outcomes{"00", "01", "11"}));
}

TEST(WeakChecker, WritesMayBeOrderedAgainstEachOther) {  // 2+2W
  const auto program = [](Program& p) {
    auto* s = new Shared;
    p.thread("a", [=] {
      s->x.store(1, kRelaxed);
      s->y.store(2, kRelaxed);
    });
    p.thread("b", [=] {
      s->y.store(1, kRelaxed);
      s->x.store(2, kRelaxed);
    });
    p.finally([=] { observe(std::to_string(s->x.load(kRelaxed)) + std::to_string(s->y.load(kRelaxed))); });
  };
  EXPECT_EQ(outcomes_of(program), (Outcomes{"11", "12", "21", "22"}));
}

// A read-modify-write between a release and an acquire carries on what was released; a plain store does not.
std::function<void(Program&)> release_sequence(bool with_store) {
  return [=](Program& p) {
    auto* s = new Shared;
    p.thread("writer", [=] {
      s->data = 7;
      s->x.store(1, kRelease);
    });
    p.thread("between", [=] {
      if (with_store) {
        if (s->x.load(kRelaxed) == 1) s->x.store(2, kRelaxed);
      } else {
        std::uint32_t one = 1;
        (void)s->x.compare_exchange_strong(one, 2, kRelaxed);
      }
    });
    p.thread("reader", [=] {
      if (s->x.load(kAcquire) == 2) require(s->data == 7, "the message is whole");
    });
  };
}

TEST(WeakChecker, AReadModifyWriteCarriesTheReleaseOnAndAStoreDoesNot) {
  EXPECT_EQ(fault_of(release_sequence(false)), "");
  EXPECT_NE(fault_of(release_sequence(true)).find("a race"), std::string::npos);
}

TEST(WeakChecker, NoIncrementIsLost) {
  const auto program = [](Program& p) {
    auto* s = new Shared;
    for (int i = 0; i < 3; ++i)
      p.thread("adder", [=] {
        s->get(i, s->x, kRelaxed);
        s->r[i] = static_cast<int>(s->x.fetch_add(1, kRelaxed));
      });
    p.finally([=] { observe(s->registers(3) + std::to_string(s->x.load(kRelaxed))); });
  };
  EXPECT_EQ(outcomes_of(program), (Outcomes{"0123", "0213", "1023", "1203", "2013", "2103"}));
}

TEST(WeakChecker, OfTwoThatCompareAndExchangeOneWins) {
  const auto program = [](Program& p) {
    auto* s = new Shared;
    for (int i = 0; i < 2; ++i)
      p.thread("swapper", [=] {
        std::uint32_t expected = 0;
        s->r[i] = s->x.compare_exchange_strong(expected, static_cast<std::uint32_t>(i + 1), kBoth) ? 1 : 0;
      });
    p.finally([=] { observe(s->registers(2)); });
  };
  EXPECT_EQ(outcomes_of(program), (Outcomes{"01", "10"}));
}

TEST(WeakChecker,
     LoadBufferingIsNotExplored) {  // the model allows 11; no compiler or processor that we know gives it to such code
  const auto program = [](Program& p) {
    auto* s = new Shared;
    p.thread("a", [=] {
      s->get(0, s->x, kRelaxed);
      s->y.store(1, kRelaxed);
    });
    p.thread("b", [=] {
      s->get(1, s->y, kRelaxed);
      s->x.store(1, kRelaxed);
    });
    p.finally([=] { observe(s->registers(2)); });
  };
  EXPECT_EQ(outcomes_of(program), (Outcomes{"00", "01", "10"}));
}

TEST(WeakChecker, FreedMemoryIsNotTouchedAndNotFreedUnderAnybody) {
  const auto counted = [](std::memory_order order) {
    return [=](Program& p) {
      auto* s = new Shared;
      s->x.store(2, kRelaxed);
      for (int i = 0; i < 2; ++i)
        p.thread("holder", [=] {
          if (s->x.fetch_sub(1, order) == 1) delete s;
        });
    };
  };
  EXPECT_EQ(fault_of(counted(kBoth)), "");
  EXPECT_NE(fault_of(counted(kRelease)).find("freed while"), std::string::npos);
  const auto late = [](Program& p) {
    auto* s = new Shared;
    s->x.store(2, kRelaxed);
    for (int i = 0; i < 2; ++i)
      p.thread("holder", [=] {
        if (s->x.fetch_sub(1, kBoth) == s->y.load(kRelaxed) + 1) delete s;
      });
  };
  EXPECT_NE(fault_of(late), "");
}

struct alignas(64) Large {
  Atomic<std::uint32_t> holders{2};
  int plain = 0;  // which the checker does not see
};

TEST(WeakChecker, FreedObjectsWithALineOfTheirOwnCrashWhoeverTouchesThem) {
  const auto program = [](Program& p) {
    auto* large = new Large;
    for (int i = 0; i < 2; ++i)
      p.thread("holder", [=] {
        const bool last = large->holders.fetch_sub(1, kBoth) == 1;
        const int sum = *static_cast<volatile int*>(&large->plain);
        if (last && sum == 0) delete large;
      });
  };
  EXPECT_NE(fault_of(program).find("crashes"), std::string::npos);
}

TEST(WeakChecker, AThreadThatWaitsForNothingIsAFaultAndOneThatWaitsForSomethingIsNot) {
  const auto waits_for = [](std::uint32_t value) {
    return [=](Program& p) {
      auto* s = new Shared;
      p.thread("waiter", [=] {
        while (s->x.load(kAcquire) != value) wait();
        observe("there");
      });
      p.thread("writer", [=] {
        s->x.store(1, kRelease);
        s->x.store(2, kRelease);
      });
    };
  };
  EXPECT_EQ(outcomes_of(waits_for(2)), Outcomes{"there"});
  EXPECT_NE(fault_of(waits_for(1)).find("waits for ever"), std::string::npos);
  EXPECT_NE(fault_of(waits_for(3)).find("waits for ever"), std::string::npos);
}

TEST(WeakChecker, CriticalSectionsSeeEachOther) {
  const auto program = [](Program& p) {
    struct State {
      Lock lock;
      Plain<int> count;
    };
    auto* state = new State;
    for (int i = 0; i < 3; ++i)
      p.thread("worker", [=] {
        state->lock.lock();
        state->count = state->count + 1;
        state->lock.unlock();
      });
    p.finally([=] { observe(std::to_string(state->count)); });
  };
  EXPECT_EQ(outcomes_of(program), Outcomes{"3"});
}

// What one writer at a time writes is ordered by something else.
TEST(WeakChecker, TwoWritersOfOneThatHasASingleWriterAreARace) {
  const auto program = [](Program& p) {
    auto* number = new SingleWriter<std::uint64_t>;
    for (int i = 0; i < 2; ++i) p.thread("writer", [=] { number->add(1); });
  };
  EXPECT_NE(fault_of(program).find("a race"), std::string::npos);
}

// Random programs of up to three threads: the checker must run exactly the executions that the rules of the model
// allow, counted by trying every combination.
TEST(WeakChecker, RandomProgramsHaveExactlyTheExecutionsThatTheModelAllows) {
  std::mt19937 random(20261201);
  std::uint64_t all = 0;
  for (int i = 0; i < 2000; ++i) {
    const SmallProgram program = random_program(random);
    const std::uint64_t expected = count_executions(program);
    const Report report = explore([&](Program& p) { build(program, p); }, {.distinct = true});
    ASSERT_EQ(report.fault, "") << describe(program);
    ASSERT_EQ(report.executions, expected) << describe(program);
    all += expected;
  }
  EXPECT_GT(all, 10'000U);
  RecordProperty("executions", std::to_string(all));
}

}  // namespace
}  // namespace netmem::weak
