// The types of what threads share in the lock-free parts: the return ring, the references and the pool.
//
// They are std::atomic and the plain type. A program that is built with NETMEM_ATOMIC_HEADER brings types of its own:
// tests/weak runs these parts, unchanged, under every order of reads and writes that the memory model of C++ allows.
#pragma once

#include <atomic>

#ifdef NETMEM_ATOMIC_HEADER
#include NETMEM_ATOMIC_HEADER
#else

namespace netmem {

template <class T>
using Atomic = std::atomic<T>;

// Not atomic: something else puts its reads and writes in order, and tests/weak verifies that it does.
template <class T>
using Plain = T;

}  // namespace netmem

#endif
