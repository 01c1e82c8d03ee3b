#include "netmem/base/check.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace netmem {

void check_failed(const char* file, int line, const char* format, ...) {
  char text[1024];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  std::fprintf(stderr, "netmem: %s:%d: %s\n", file, line, text);
  std::fflush(stderr);
  std::abort();
}

}  // namespace netmem
