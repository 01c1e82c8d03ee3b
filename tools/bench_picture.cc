#include "tools/bench_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/bench_bars.h"
#include "tools/markup.h"

namespace netmem::tool {
namespace {

// Fast path, bulk, and back from another core.
constexpr std::array<std::string_view, 3> kKeyGroups = {"page_pool01_fast_path", "bulk_64", "cross_core_64"};
constexpr int kPictureWidth = 900;
constexpr int kPictureEdge = 24;
constexpr int kPictureHead = 96;
constexpr int kPictureFoot = 56;

struct Panel {
  std::string_view group;
  std::vector<const LoopFigures*> loops;
};

std::vector<Panel> panels_of(const Figures& figures) {
  std::vector<Panel> panels;
  for (const auto group : kKeyGroups)
    if (auto loops = in_order(figures.of_group(group)); !loops.empty()) panels.push_back({group, std::move(loops)});
  return panels;
}

void put_picture_text(Drawing& drawing, int height, int x, int y, const std::string& text, const char* font, Ink ink) {
  drawing.line("set label {} at screen {:.5f}, {:.5f} left font '{}' textcolor rgb '{}' front", drawing.text(text),
               static_cast<double>(x) / kPictureWidth, 1 - static_cast<double>(y) / height, font, hex_of(ink));
}

std::string machine_in_a_line(const Figures& figures) {
  std::string says = readable_date(figures.date, false);
  for (const char* key : {"cpu", "kernel", "compiler"})
    if (figures.machine.contains(key) && figures.machine[key].is_string())
      says += ", " + figures.machine[key].get<std::string>();
  if (!figures.commit.empty()) says += ", commit " + figures.commit;
  return says;
}

// What stands around the panels.
void put_picture_frame(Drawing& drawing, const Figures& figures, int height) {
  const auto put = [&](int y, const std::string& text, const char* font, Ink ink) {
    put_picture_text(drawing, height, kPictureEdge, y, text, font, ink);
  };
  put(30, "Cycles for a page, less is better", "sans-serif:Bold,18", Ink::text);
  put(52, "netmem on host and on device memory, beside what people would pick instead", "sans-serif,13", Ink::dim);
  put(height - 38,
      fmt::format("Medians of {} repetitions in one run; whiskers from the least to the greatest; a broken "
                  "bar goes on.",
                  figures.repetitions.text),
      "sans-serif,12", Ink::dim);
  put(height - 18, shortened(machine_in_a_line(figures), 130), "sans-serif,12", Ink::dim);
}

}  // namespace

void put_picture(Drawing& drawing, const Figures& figures) {
  const auto panels = panels_of(figures);
  if (panels.empty()) return;
  std::size_t rows = 0;
  for (const Panel& panel : panels) rows = std::max(rows, panel.loops.size());
  const int height = kPictureHead + height_of_bars(rows) + kPictureFoot;
  drawing.begin(kPictureWidth, height,
                "netmem beside what people would pick instead: cycles for a page, less is better");
  drawing.line("set object 1 rectangle from screen 0,0 to screen 1,1 behind fc rgb '{}' fs solid border lc rgb '{}'",
               hex_of(Ink::card), hex_of(Ink::grid));
  drawing.line("set multiplot");
  put_picture_frame(drawing, figures, height);
  const int width = (kPictureWidth - kPictureEdge) / static_cast<int>(panels.size());
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const int left = kPictureEdge + static_cast<int>(i) * width;
    put_picture_text(drawing, height, left, kPictureHead - 16, title_of_group(panels[i].group), "sans-serif:Bold,13",
                     Ink::text);
    put_bars(drawing, {kPictureWidth, height},
             {left, kPictureHead, width - kPictureEdge, height_of_bars(panels[i].loops.size())},
             bars_of(figures, panels[i].loops), end_of(panels[i].loops));
    drawing.line("unset label; unset object 1");
  }
  drawing.line("unset multiplot");
}

std::string readable_date(const std::string& date, bool with_time) {
  constexpr std::array<const char*, 12> kMonths = {"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  const int read = std::sscanf(date.c_str(), "%4d-%2u-%2uT%2u:%2u", &year, &month, &day, &hour, &minute);
  if (read < 3 || month < 1 || month > kMonths.size()) return date;
  const std::string that_day = fmt::format("{} {} {}", day, kMonths.at(month - 1), year);
  return with_time && read == 5 ? fmt::format("{}, {:02}:{:02} UTC", that_day, hour, minute) : that_day;
}

}  // namespace netmem::tool
