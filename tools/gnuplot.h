// Drawings by gnuplot, which is looked for when it is needed. Several in one run of it, each an SVG.
//
//   script begin(w, h) ... begin(w, h) ...  -> gnuplot -> its SVGs, one after another -> cleaned, one string each
//
// 1. gnuplot never sees a text: it writes a token, and the text, escaped, is put where the token is afterwards. So no
//    name can be a command, and gnuplot's own idea of encodings does not matter.
// 2. gnuplot sees each ink as a colour of its own. In a page that colour becomes var(--INK), which the page's style
//    defines, for light and dark; in a picture it stays.
//
// Threads: each object is one thread's.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "netmem/base/error.h"

namespace netmem::tool {

// Whether there is one to draw with: asked before anybody waits for the figures.
Result<void> find_gnuplot();

enum class Ink : std::uint8_t { text, dim, grid, card, host, device, huge, floor, peer, one, two, three, four };

// "host": the style's variable is --host.
std::string_view name_of(Ink ink);
// Its colour in a picture and in a light page, as a number (0xRRGGBB), and as gnuplot and CSS write it ("#rrggbb").
std::uint32_t colour_of(Ink ink);
std::string hex_of(Ink ink);

enum class Medium : std::uint8_t {
  page,    // for inlining in HTML
  picture  // a file of its own, as wide and high as it was begun
};

class Drawing {
 public:
  explicit Drawing(Medium medium) : medium_(medium) {}

  // What follows is another drawing, of this size. `says` is for who cannot see it.
  void begin(int width, int height, std::string_view says);
  // A line of gnuplot's language.
  template <class... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(script_), format, std::forward<Values>(values)...);
    script_ += '\n';
  }
  // A text, as a string of gnuplot's language.
  std::string text(std::string_view says);

  [[nodiscard]] std::size_t count() const { return parts_.size(); }
  // All that were begun, in that order.
  [[nodiscard]] Result<std::vector<std::string>> draw() const;

 private:
  struct Part {
    int width;
    int height;
    std::string says;
  };
  [[nodiscard]] std::string cleaned(std::string_view svg, std::size_t number) const;
  [[nodiscard]] std::string head(const Part& part, std::string_view produced_by) const;
  void put_texts(std::string& svg) const;

  Medium medium_;
  std::string script_;
  std::vector<std::string> texts_;
  std::vector<Part> parts_;
};

}  // namespace netmem::tool
