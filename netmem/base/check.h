// NETMEM_CHECK: a broken invariant stops the program with file, line and values. Never compiled out.
#pragma once

#include "netmem/base/export.h"

namespace netmem {

// Prints "netmem: FILE:LINE: TEXT" to standard error and aborts. `format` is printf's.
[[noreturn, gnu::cold]] NETMEM_EXPORT void check_failed(const char* file, int line, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

}  // namespace netmem

// NETMEM_CHECK(condition, "printf format with the values that matter", values...)
#define NETMEM_CHECK(condition, ...)                           \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::netmem::check_failed(__FILE__, __LINE__, __VA_ARGS__); \
  } while (false)
