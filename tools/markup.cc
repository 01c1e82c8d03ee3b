#include "tools/markup.h"

namespace netmem::tool {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

}  // namespace

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      case '\n':
      case '\t':
        safe += ' ';
        break;
      default:
        if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F) {
          safe += kReplacement;
        } else {
          safe += letter;
        }
    }
  }
  return safe;
}

std::string shortened(std::string_view text, std::size_t most) {
  std::size_t characters = 0;
  std::size_t kept = 0;  // bytes of the first most - 1 characters
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!begins_character(text[i])) continue;
    if (++characters == most) kept = i;
  }
  return characters <= most ? std::string(text) : std::string(text.substr(0, kept)) + std::string(kEllipsis);
}

}  // namespace netmem::tool
