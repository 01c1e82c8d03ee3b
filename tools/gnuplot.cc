#include "tools/gnuplot.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "tools/markup.h"
#include "tools/subprocess.h"

namespace netmem::tool {
namespace {

constexpr std::chrono::minutes kLimit{2};

struct InkSays {
  std::string_view name;
  std::uint32_t colour;
};

// The colours are of Okabe and Ito's palette, which people who see few colours can tell apart, and greys.
constexpr std::array<InkSays, 13> kInks = {{
    {"text", 0x1B1F24},
    {"dim", 0x59636E},
    {"grid", 0xD9DEE4},
    {"card", 0xFFFFFF},
    {"host", 0x0072B2},
    {"device", 0xD55E00},
    {"huge", 0x56B4E9},
    {"floor", 0x7D8590},
    {"peer", 0xB4BCC6},
    {"one", 0x009E73},
    {"two", 0xE69F00},
    {"three", 0xCC79A7},
    {"four", 0x8C6BB1},
}};

constexpr std::string_view kToken = "netmemtext";

void replace_all(std::string& in, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = in.find(what, at)) != std::string::npos; at += by.size())
    in.replace(at, what.size(), by);
}

// gnuplot writes "rgb(  0, 114, 178)" and "rgb(17,17,17)", and `black` for what nobody coloured.
std::string with_inks(std::string_view svg, Medium medium) {
  std::string out;
  for (;;) {
    const std::size_t at = svg.find("rgb(");
    out += svg.substr(0, at);
    if (at == std::string_view::npos) break;
    const std::size_t end = std::min(svg.find(')', at), svg.size() - 1);
    std::uint32_t colour = 0;
    for (const char* next = svg.data() + at + 4; next < svg.data() + end;) {
      char* after = nullptr;
      colour = colour << 8U | static_cast<std::uint32_t>(std::strtoul(next, &after, 10));
      next = after + 1;
    }
    const auto* ink = std::ranges::find(kInks, colour, &InkSays::colour);
    out += ink == kInks.end() || medium == Medium::picture ? fmt::format("#{:06x}", colour)
                                                           : fmt::format("var(--{})", ink->name);
    svg.remove_prefix(end + 1);
  }
  return out;
}

// Without what draws nothing: groups of no members, titles of curves (gnuplot's expressions), empty lines.
std::string without_ballast(std::string_view svg) {
  std::vector<std::string_view> lines;
  while (!svg.empty()) {
    const std::size_t end = std::min(svg.find('\n'), svg.size() - 1);
    std::string_view line = svg.substr(0, end);
    svg.remove_prefix(end + 1);
    while (line.starts_with('\t')) line.remove_prefix(1);
    if (line.empty()) continue;
    if (line == "</g>" && !lines.empty() && lines.back().starts_with("<g ") && lines.back().ends_with('>') &&
        lines.back().find('<', 1) == std::string_view::npos) {
      lines.pop_back();
    } else {
      lines.push_back(line);
    }
  }
  std::string out;
  for (const std::string_view line : lines) {
    const std::size_t title = line.find("<title>");
    out += line.substr(0, title);
    out += '\n';
  }
  return out;
}

// The shapes of points, when there are points, under names that are this drawing's own.
std::string with_own_shapes(std::string svg, std::size_t number) {
  const std::size_t begin = svg.find("<defs>");
  const std::size_t end = svg.find("</defs>");
  if (begin == std::string::npos || end == std::string::npos) return svg;
  if (svg.find("gpPt", end) == std::string::npos) {
    svg.erase(begin, end + 7 - begin);
    return svg;
  }
  const std::size_t filters = std::min(svg.find("<filter", begin), end);
  svg.erase(filters, end - filters);
  replace_all(svg, "gpPt", fmt::format("d{}-pt", number));
  replace_all(svg, "gpDot", fmt::format("d{}-dot", number));
  replace_all(svg, "xlink:href", "href");
  return svg;
}

Error because(std::string reason, std::string advice) {
  return {"draw the report", std::move(reason), std::move(advice), 0};
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char letter : text) {
    const bool space = letter == ' ' || letter == '\n' || letter == '\t';
    if (!space) line += letter;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  return shortened(line, 300);
}

// `option` "-d": whatever the user's own settings are.
Result<std::string> run_gnuplot(const char* option, const std::string& script) {
  const auto finished = run_program({"gnuplot", option}, script, kLimit);
  if (!finished && finished.error().code == ENOENT)
    return std::unexpected(because("gnuplot is not installed", "install gnuplot-nox"));
  if (!finished) return std::unexpected(because(finished.error().message(), ""));
  if (finished->status == 0) return finished->out;
  return std::unexpected(
      because(fmt::format("gnuplot ended with exit code {} and said: {}", finished->status, one_line(finished->err)),
              "see whether gnuplot --version says 5.4 or newer"));
}

}  // namespace

Result<void> find_gnuplot() {
  const auto version = run_gnuplot("--version", "");
  if (!version) return std::unexpected(version.error());
  return {};
}

std::string_view name_of(Ink ink) { return kInks.at(static_cast<std::size_t>(ink)).name; }
std::uint32_t colour_of(Ink ink) { return kInks.at(static_cast<std::size_t>(ink)).colour; }
std::string hex_of(Ink ink) { return fmt::format("#{:06x}", colour_of(ink)); }

void Drawing::begin(int width, int height, std::string_view says) {
  parts_.push_back({width, height, std::string(says)});
  line("reset");
  line("set terminal svg size {},{} dynamic noenhanced font 'sans-serif,13' butt name 'd{}'", width, height,
       parts_.size());
  line("unset key; unset border; unset ytics; set style fill solid noborder");
}

std::string Drawing::text(std::string_view says) {
  texts_.emplace_back(says);
  return fmt::format("'{}{}end'", kToken, texts_.size() - 1);
}

Result<std::vector<std::string>> Drawing::draw() const {
  if (parts_.empty()) return std::vector<std::string>();
  const auto drawn = run_gnuplot("-d", script_ + "unset output\n");
  if (!drawn) return std::unexpected(drawn.error());
  std::vector<std::string> all;
  std::string_view rest = *drawn;
  constexpr std::string_view kEnd = "</svg>";
  for (std::size_t end = rest.find(kEnd); end != std::string_view::npos; end = rest.find(kEnd)) {
    if (all.size() < parts_.size()) all.push_back(cleaned(rest.substr(0, end), all.size()));
    rest.remove_prefix(end + kEnd.size());
  }
  if (all.size() == parts_.size()) return all;
  return std::unexpected(because(fmt::format("gnuplot drew {} charts of {}", all.size(), parts_.size()),
                                 "see whether gnuplot --version says 5.4 or newer"));
}

std::string Drawing::cleaned(std::string_view svg, std::size_t number) const {
  constexpr std::string_view kProduced = "<desc>";
  constexpr std::string_view kCanvas = "<g id=\"gnuplot_canvas\">";
  const std::size_t desc = std::min(svg.find(kProduced), svg.size());
  const std::string_view produced_by = svg.substr(desc, svg.find("</desc>", desc) - desc);
  const std::size_t canvas = svg.find(kCanvas);
  std::string body = "<g>\n" + std::string(canvas == svg.npos ? "</g>" : svg.substr(canvas + kCanvas.size()));
  body = with_inks(with_own_shapes(without_ballast(body), number), medium_);
  replace_all(body, "sans-serif:Bold\"", "sans-serif\" font-weight=\"bold\"");
  if (medium_ == Medium::picture) replace_all(body, "\"sans-serif\"", "\"Helvetica, Arial, sans-serif\"");
  put_texts(body);
  return head(parts_[number], produced_by.substr(std::min(kProduced.size(), produced_by.size()))) + body + "</svg>";
}

std::string Drawing::head(const Part& part, std::string_view produced_by) const {
  const std::string says = escaped(part.says);
  if (medium_ == Medium::page)
    return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", part.width, part.height, says);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\">\n"
      "<title>{2}</title>\n<desc>{3}</desc>\n",
      part.width, part.height, says, escaped(produced_by));
}

void Drawing::put_texts(std::string& svg) const {
  std::string out;
  std::string_view rest = svg;
  for (std::size_t at = rest.find(kToken); at != std::string_view::npos; at = rest.find(kToken)) {
    out += rest.substr(0, at);
    rest.remove_prefix(at + kToken.size());
    std::size_t number = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), number);
    out += escaped(texts_.at(number));
    rest.remove_prefix(std::min(rest.find("end") + 3, rest.size()));
  }
  svg = out + std::string(rest);
}

}  // namespace netmem::tool
