// What every parser promises, whatever it is given. For fuzz targets: one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "netmem/base/check.h"
#include "netmem/base/error.h"

namespace netmem::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// One printable line of moderate length that says what was attempted, why it failed and what to try.
inline void check_error(const Error& error) {
  const std::string message = error.message();
  NETMEM_CHECK(!error.attempted.empty() && !error.reason.empty() && !error.advice.empty(),
               "the message lacks one of its parts: %s", message.c_str());
  NETMEM_CHECK(message.size() < 400, "the message has %zu characters", message.size());
  NETMEM_CHECK(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }),
               "the message is no printable line: %s", message.c_str());
}

}  // namespace netmem::fuzz
