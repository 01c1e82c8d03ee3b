// What every set-up function returns when it cannot do its work. Value types; any thread.
#pragma once

#include <cerrno>
#include <expected>
#include <string>

#include "netmem/base/export.h"

namespace netmem {

struct NETMEM_EXPORT Error {
  std::string attempted;  // "map 256 MiB of 2 MiB huge pages"
  std::string reason;     // "Cannot allocate memory"; empty when `code` says it
  std::string advice;     // "write 128 to /proc/sys/vm/nr_hugepages"; empty when there is none
  int code = 0;           // errno of the failing call; 0 when it was not a system call

  // "cannot ATTEMPTED: REASON; ADVICE", one line, no final stop.
  [[nodiscard]] std::string message() const;
};

template <class T>
using Result = std::expected<T, Error>;

// An error of the system call that just failed (reads errno).
NETMEM_EXPORT std::unexpected<Error> system_error(std::string attempted, std::string advice = {}, int code = errno);

// An error found by netmem itself.
NETMEM_EXPORT std::unexpected<Error> refused(std::string attempted, std::string reason, std::string advice = {});

}  // namespace netmem
