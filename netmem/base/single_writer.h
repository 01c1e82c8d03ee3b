// A number that one thread writes and any thread reads. For its writer it is a plain variable, which the compiler may
// keep in a register or use as a memory operand; std::atomic would not let it.
#pragma once

#include <cstdint>

namespace netmem {

template <class T>
class SingleWriter {
 public:
  SingleWriter() = default;
  explicit SingleWriter(T value) : value_(value) {}
  SingleWriter(const SingleWriter&) = delete;
  SingleWriter& operator=(const SingleWriter&) = delete;

  // The writer only.
  [[nodiscard]] T mine() const { return value_; }
  void set(T value) { __atomic_store_n(&value_, value, __ATOMIC_RELAXED); }
  void set_release(T value) { __atomic_store_n(&value_, value, __ATOMIC_RELEASE); }
  void add(T amount) { set(value_ + amount); }

  // Any thread.
  [[nodiscard]] T read() const { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }
  [[nodiscard]] T read_acquire() const { return __atomic_load_n(&value_, __ATOMIC_ACQUIRE); }

  // Any thread, when the number changes hands: like std::atomic's.
  bool compare_exchange(T& expected, T desired) {
    return __atomic_compare_exchange_n(&value_, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  }

 private:
  T value_ = {};
};

}  // namespace netmem
