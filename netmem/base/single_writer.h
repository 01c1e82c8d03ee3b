// A number that one thread writes and any thread reads. For its writer it is a plain variable, which the compiler may
// keep in a register or use as a memory operand; std::atomic would not let it.
#pragma once

#include <cstdint>

#include "netmem/base/atomic.h"

// An aligned 8-byte add to memory is one store for everybody else (Intel SDM vol. 3, 9.1.1). Sanitizers do not see into
// it.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NETMEM_ADDS_IN_MEMORY 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef NETMEM_ADDS_IN_MEMORY
#endif
#endif
#endif

#ifndef NETMEM_ATOMIC_HEADER
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
  void add(T amount) {
#ifdef NETMEM_ADDS_IN_MEMORY
    static_assert(sizeof(T) == 8);
    asm("addq %1, %0" : "+m"(value_) : "er"(amount));  // one instruction; compilers make three of an atomic store
#else
    set(value_ + amount);
#endif
  }

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
#endif  // otherwise that header has it
