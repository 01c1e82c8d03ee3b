#include "netmem/base/quote.h"

namespace netmem {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 64;
  std::string line = "\"";
  for (const char c : text.substr(0, kMost)) line += c >= ' ' && c <= '~' ? c : '?';
  return line + (text.size() > kMost ? "...\"" : "\"");
}

}  // namespace netmem
