// Draws what bench/xdp-throughput measured: a row for each mode, a panel for each size of frames.
//
//   xdp_picture FIGURES.json OUT.svg
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench_picture.h"
#include "tools/gnuplot.h"
#include "tools/plots.h"

namespace netmem::tool {
namespace {

constexpr int kWidth = 1000;
constexpr int kEdge = 24;
constexpr int kHead = 84;
constexpr int kRowHead = 56;
constexpr int kFoot = 48;

using Json = nlohmann::json;

struct Row {
  std::string name;
  std::vector<double> values;
};

struct Panel {
  int size = 0;
  std::vector<Row> rows;
};

struct Mode {
  std::string_view name, title;
};
constexpr Mode kModes[] = {
    {"apart", "The kernel receives on the generator's processor (as a veth does), the program spins on its own"},
    {"together",
     "The kernel's receiving thread and the program, which waits when there is nothing, share one processor"},
};

std::string title_of(std::string_view receiver) {
  static const std::map<std::string_view, std::string_view> titles = {{"bare", "libxdp"},
                                                                      {"testpmd", "testpmd"},
                                                                      {"recvmmsg", "recvmmsg()"},
                                                                      {"netmem", "netmem"},
                                                                      {"netmem_split", "netmem, split"},
                                                                      {"bare_echo", "echo: libxdp"},
                                                                      {"testpmd_echo", "echo: testpmd"},
                                                                      {"testpmd_5tswap", "echo: testpmd, IP too"},
                                                                      {"netmem_echo", "echo: netmem"},
                                                                      {"netmem_program", "echo: netmem echo"}};
  const auto found = titles.find(receiver);
  return std::string(found == titles.end() ? receiver : found->second);
}

// Millions of packets a second.
double rate_of(const Json& run) {
  const char* what = run.at("task") == "echo" ? "returned" : "received";
  return run.at(what).get<double>() / run.at("seconds").get<double>() / 1e6;
}

template <class Items, class Is>
auto& found_or_added(Items& items, Is is, typename Items::value_type fresh) {
  const auto found = std::ranges::find_if(items, is);
  return found == items.end() ? items.emplace_back(std::move(fresh)) : *found;
}

std::vector<Panel> panels_of(const Json& figures, std::string_view mode) {
  std::vector<Panel> panels;
  for (const Json& run : figures.at("runs")) {
    const std::string task = run.at("task");
    if (run.at("mode") != mode || task.starts_with("drop_")) continue;  // which says something to experts alone
    const int size = run.at("size");
    const std::string name = run.at("receiver");
    Panel& panel = found_or_added(panels, [&](const Panel& other) { return other.size == size; }, Panel{size, {}});
    Row& row = found_or_added(panel.rows, [&](const Row& other) { return other.name == name; }, Row{name, {}});
    row.values.push_back(rate_of(run));
  }
  return panels;
}

Bar bar_of(const Row& row) {
  std::vector<double> values = row.values;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  const bool ours = row.name.starts_with("netmem");
  const Ink ink = !ours ? Ink::peer : row.name == "netmem_split" ? Ink::device : Ink::host;
  return {title_of(row.name), fmt::format("{:.2f}", median), values.front(), median, values.back(), ink, ours};
}

class Picture {
 public:
  explicit Picture(const Json& figures) : figures_(figures) {
    for (const Mode& mode : kModes)
      if (auto panels = panels_of(figures, mode.name); !panels.empty()) rows_.push_back({mode, std::move(panels)});
  }

  void put(Drawing& drawing) const {
    const int height = this->height();
    drawing.begin(kWidth, height, "netmem's AF_XDP port beside others: packets a second, more is better");
    drawing.line("set object 1 rectangle from screen 0,0 to screen 1,1 behind fc rgb '{}' fs solid border lc rgb '{}'",
                 hex_of(Ink::card), hex_of(Ink::grid));
    drawing.line("set multiplot");
    put_frame(drawing, height);
    int top = kHead;
    for (const auto& row : rows_) {
      put_row(drawing, row, top, height);
      top += height_of(row);
    }
    drawing.line("unset multiplot");
  }

 private:
  struct RowOfPanels {
    Mode mode;
    std::vector<Panel> panels;
  };

  static int height_of(const RowOfPanels& row) {
    std::size_t most = 0;
    for (const Panel& panel : row.panels) most = std::max(most, panel.rows.size());
    return kRowHead + height_of_bars(most);
  }
  [[nodiscard]] int height() const {
    int height = kHead + kFoot;
    for (const RowOfPanels& row : rows_) height += height_of(row);
    return height;
  }

  static void put_text(Drawing& drawing, int height, int x, int y, const std::string& text, const char* font, Ink ink) {
    drawing.line("set label {} at screen {:.5f}, {:.5f} left font '{}' textcolor rgb '{}' front", drawing.text(text),
                 static_cast<double>(x) / kWidth, 1 - static_cast<double>(y) / height, font, hex_of(ink));
  }

  void put_frame(Drawing& drawing, int height) const {
    put_text(drawing, height, kEdge, 30, "Millions of packets a second, more is better", "sans-serif:Bold,18",
             Ink::text);
    put_text(
        drawing, height, kEdge, 52,
        "AF_XDP in copy mode on a veth pair: received and dropped, with header split into device memory, and echoed",
        "sans-serif,13", Ink::dim);
    put_text(drawing, height, kEdge, height - 18,
             fmt::format("Medians of {} rounds, whiskers from the least to the greatest. {}, {}, commit {}",
                         figures_.at("rounds").get<int>(), readable_date(figures_.at("date").get<std::string>(), false),
                         figures_.at("machine").get<std::string>(), figures_.at("commit").get<std::string>()),
             "sans-serif,12", Ink::dim);
  }

  void put_row(Drawing& drawing, const RowOfPanels& row, int top, int height) const {
    put_text(drawing, height, kEdge, top + 12, std::string(row.mode.title), "sans-serif:Bold,13", Ink::text);
    const int width = (kWidth - kEdge) / static_cast<int>(row.panels.size());
    for (std::size_t i = 0; i < row.panels.size(); ++i) {
      const int left = kEdge + static_cast<int>(i) * width;
      put_text(drawing, height, left, top + 34, fmt::format("{} byte frames", row.panels[i].size), "sans-serif,13",
               Ink::dim);
      std::vector<Bar> bars;
      std::ranges::transform(row.panels[i].rows, std::back_inserter(bars), bar_of);
      double end = 0;
      for (const Bar& bar : bars) end = std::max(end, bar.high);
      put_bars(drawing, {kWidth, height}, {left, top + kRowHead - 10, width - kEdge, height_of_bars(bars.size())}, bars,
               end * 1.03);
      drawing.line("unset label; unset object 1");
    }
  }

  const Json& figures_;
  std::vector<RowOfPanels> rows_;
};

int run(const char* from, const char* to) {
  std::ifstream file(from);
  const Json figures = Json::parse(file, nullptr, false);
  if (figures.is_discarded()) {
    fmt::print(stderr, "xdp_picture: cannot read {}: it is no JSON\n", from);
    return 1;
  }
  Drawing drawing(Medium::picture);
  Picture(figures).put(drawing);
  const auto drawn = drawing.draw();
  if (!drawn) {
    fmt::print(stderr, "xdp_picture: {}\n", drawn.error().message());
    return 1;
  }
  std::ofstream out(to);
  out << drawn->front() << '\n';
  return out.flush() ? 0 : 1;
}

}  // namespace
}  // namespace netmem::tool

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: xdp_picture FIGURES.json OUT.svg\n");
    return 2;
  }
  try {
    return netmem::tool::run(argv[1], argv[2]);
  } catch (const nlohmann::json::exception& error) {
    fmt::print(stderr, "xdp_picture: cannot draw {}: {}\n", argv[1], error.what());
    return 1;
  }
}
