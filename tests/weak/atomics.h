// The types that netmem/base/atomic.h takes from a program with NETMEM_ATOMIC_HEADER: they tell the checker of each
// access and ask it for the value. They have the size and place of what they stand for.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <source_location>

namespace netmem::weak {

using Bits = std::uint64_t;
using Where = std::source_location;

// What the memory at `at` may give to the thread that asks. Outside of an execution: what is there.
Bits load(const void* at, unsigned size, std::memory_order order, const Where& where);
void store(void* at, unsigned size, Bits value, std::memory_order order, const Where& where);
// The first half of a read-modify-write, and the second, which must follow.
Bits load_exclusive(void* at, unsigned size, std::memory_order order, const Where& where);
void store_exclusive(void* at, unsigned size, Bits value, std::memory_order order, const Where& where);
// Compare and exchange. True: done; false: `expected` is what was there.
bool compare_exchange(void* at, unsigned size, Bits& expected, Bits desired, std::memory_order order,
                      const Where& where);
// Of a location that has one writer at a time: all its writes must be ordered by others, and its writer's reads, too.
Bits read_own(const void* at, unsigned size, const Where& where);
void store_own(void* at, unsigned size, Bits value, std::memory_order order, const Where& where);
bool compare_exchange_own(void* at, unsigned size, Bits& expected, Bits desired, const Where& where);
// Of a location that is not atomic: the accesses must be ordered by others.
void plain_read(const void* at, const Where& where);
void plain_write(const void* at, const Where& where);
// The thread can do nothing until another one writes. What it did since its last write must have had no effect.
void wait();

template <class T>
Bits bits_of(const T& value) {
  static_assert(sizeof(T) <= sizeof(Bits));
  Bits bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <class T>
T from_bits(Bits bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace netmem::weak

namespace netmem {

// No default for the order, and the checker takes no seq_cst: the code that is checked uses neither.
template <class T>
class Atomic {
 public:
  using Order = std::memory_order;
  using Where = weak::Where;

  constexpr Atomic() = default;
  constexpr explicit(false) Atomic(T value) : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  [[nodiscard]] T load(Order order, const Where& where = Where::current()) const {
    return weak::from_bits<T>(weak::load(&value_, sizeof value_, order, where));
  }
  void store(T value, Order order, const Where& where = Where::current()) {
    weak::store(&value_, sizeof value_, weak::bits_of(value), order, where);
  }
  T exchange(T value, Order order, const Where& where = Where::current()) {
    return change([&](T) { return value; }, order, where);
  }
  T fetch_add(T amount, Order order, const Where& where = Where::current()) {
    return change([&](T now) { return static_cast<T>(now + amount); }, order, where);
  }
  T fetch_sub(T amount, Order order, const Where& where = Where::current()) {
    return change([&](T now) { return static_cast<T>(now - amount); }, order, where);
  }
  T fetch_or(T bits, Order order, const Where& where = Where::current()) {
    return change([&](T now) { return static_cast<T>(now | bits); }, order, where);
  }
  T fetch_and(T bits, Order order, const Where& where = Where::current()) {
    return change([&](T now) { return static_cast<T>(now & bits); }, order, where);
  }
  bool compare_exchange_strong(T& expected, T desired, Order order, const Where& where = Where::current()) {
    weak::Bits bits = weak::bits_of(expected);
    const bool done = weak::compare_exchange(&value_, sizeof value_, bits, weak::bits_of(desired), order, where);
    expected = weak::from_bits<T>(bits);
    return done;
  }
  // Never fails without a reason here: in a loop that tries again, such a failure changes nothing.
  bool compare_exchange_weak(T& expected, T desired, Order order, const Where& where = Where::current()) {
    return compare_exchange_strong(expected, desired, order, where);
  }

 private:
  template <class Change>
  T change(Change&& to, Order order, const Where& where) {
    const T before = weak::from_bits<T>(weak::load_exclusive(&value_, sizeof value_, order, where));
    weak::store_exclusive(&value_, sizeof value_, weak::bits_of(to(before)), order, where);
    return before;
  }

  T value_ = {};
};

template <class T>
class Plain {
 public:
  using Where = weak::Where;

  constexpr Plain() = default;
  constexpr explicit(false) Plain(T value) : value_(value) {}
  Plain(const Plain&) = delete;

  // The place of the access is not known: operators have no room for it.
  explicit(false) operator T() const {
    weak::plain_read(&value_, Where::current());
    return value_;
  }
  T operator->() const { return T(*this); }
  Plain& operator=(T value) {
    weak::plain_write(&value_, Where::current());
    value_ = value;
    return *this;
  }
  Plain& operator=(const Plain& other) { return *this = T(other); }
  Plain& operator+=(T amount) { return *this = T(*this) + amount; }

 private:
  T value_ = {};
};

template <class T>
class SingleWriter {
 public:
  using Where = weak::Where;

  constexpr SingleWriter() = default;
  constexpr explicit SingleWriter(T value) : value_(value) {}
  SingleWriter(const SingleWriter&) = delete;
  SingleWriter& operator=(const SingleWriter&) = delete;

  [[nodiscard]] T mine(const Where& where = Where::current()) const {
    return weak::from_bits<T>(weak::read_own(&value_, sizeof value_, where));
  }
  void set(T value, const Where& where = Where::current()) {
    weak::store_own(&value_, sizeof value_, weak::bits_of(value), std::memory_order_relaxed, where);
  }
  void set_release(T value, const Where& where = Where::current()) {
    weak::store_own(&value_, sizeof value_, weak::bits_of(value), std::memory_order_release, where);
  }
  void add(T amount, const Where& where = Where::current()) { set(mine(where) + amount, where); }

  [[nodiscard]] T read(const Where& where = Where::current()) const {
    return weak::from_bits<T>(weak::load(&value_, sizeof value_, std::memory_order_relaxed, where));
  }
  [[nodiscard]] T read_acquire(const Where& where = Where::current()) const {
    return weak::from_bits<T>(weak::load(&value_, sizeof value_, std::memory_order_acquire, where));
  }
  bool compare_exchange(T& expected, T desired, const Where& where = Where::current()) {
    weak::Bits bits = weak::bits_of(expected);
    const bool done = weak::compare_exchange_own(&value_, sizeof value_, bits, weak::bits_of(desired), where);
    expected = weak::from_bits<T>(bits);
    return done;
  }

 private:
  T value_ = {};
};

class Backoff {
 public:
  void pause() noexcept { weak::wait(); }
};

}  // namespace netmem
