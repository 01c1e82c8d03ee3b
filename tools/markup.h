// Text for HTML and SVG. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace netmem::tool {

// What means itself between tags and in quoted attributes, whoever wrote it. Control characters, which neither HTML nor
// XML may hold, become U+FFFD. REQUIRES: UTF-8.
std::string escaped(std::string_view text);

// At most `most` characters, the last of them an ellipsis when there were more. REQUIRES: UTF-8.
std::string shortened(std::string_view text, std::size_t most);

}  // namespace netmem::tool
