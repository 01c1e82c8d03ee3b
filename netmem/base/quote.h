// What people typed, for messages. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace netmem {

// In quotation marks, on one line: what is not printable ASCII becomes "?", and of long texts only the beginning stays.
std::string in_quotes(std::string_view text);

}  // namespace netmem
