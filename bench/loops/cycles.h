// The processor's own clock, read once before and once after a measurement.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace netmem::bench {

#if defined(__x86_64__)
inline constexpr const char* kCycleUnit = "cycles(tsc)";
// Everything before it is done when the counter is read (Intel SDM vol. 2, RDTSCP and LFENCE).
inline std::uint64_t read_cycles() {
  unsigned cpu = 0;
  const std::uint64_t now = __rdtscp(&cpu);
  _mm_lfence();
  return now;
}
#elif defined(__aarch64__)
inline constexpr const char* kCycleUnit = "cycles(cntvct)";
inline std::uint64_t read_cycles() {
  std::uint64_t now = 0;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(now) : : "memory");
  return now;
}
#else
inline constexpr const char* kCycleUnit = "ns(no cycle counter)";
inline std::uint64_t read_cycles() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}
#endif

}  // namespace netmem::bench
