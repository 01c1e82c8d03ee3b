#include "tools/bench_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tools/bench_bars.h"
#include "tools/bench_picture.h"
#include "tools/markup.h"

namespace netmem::tool {
namespace {

// A long name may go on in another line behind each part of it.
std::string breakable(const std::string& name) {
  std::string html;
  for (const char letter : escaped(name)) {
    html += letter;
    if (letter == '_' || letter == '/') html += "<wbr>";
  }
  return html;
}

// A table that scrolls in a place of its own when it is wider than the page.
class Table {
 public:
  Table(const std::string& label, const std::vector<std::string>& heads) {
    html_ = fmt::format("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">\n<table>\n<thead><tr>",
                        escaped(label));
    for (const std::string& head : heads) html_ += fmt::format("<th scope=\"col\">{}</th>", escaped(head));
    html_ += "</tr></thead>\n<tbody>\n";
  }

  void row(const std::string& name) { html_ += fmt::format("<tr><th scope=\"row\">{}</th>", breakable(name)); }
  void text(std::string_view text) { html_ += fmt::format("<td>{}</td>", escaped(text)); }
  void number(const Number& number) { html_ += fmt::format("<td class=\"n\">{}</td>", escaped(number.text)); }
  void spread(const Spread& spread) {
    number(spread.min);
    html_ += fmt::format("<td class=\"n\"><b>{}</b></td>", escaped(spread.median.text));
    number(spread.max);
  }
  void html(const std::string& cell) { html_ += cell; }
  void end_row() { html_ += "</tr>\n"; }
  [[nodiscard]] std::string done() const { return html_ + "</tbody>\n</table>\n</div>\n"; }

 private:
  std::string html_;
};

// What a person calls it: known keys have names, others lose their underscores.
std::string name_of_key(const std::string& key) {
  constexpr std::array<std::pair<std::string_view, const char*>, 8> kNames = {{
      {"cpu", "CPU"},
      {"processors", "processors"},
      {"virtual", "virtual machine"},
      {"tsc_hz", "TSC, Hz"},
      {"constant_tsc", "constant TSC"},
      {"build", "build type"},
      {"kernel", "kernel"},
      {"compiler", "compiler"},
  }};
  for (const auto& [known, name] : kNames)
    if (known == key) return name;
  std::string name = key;
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string value_of(const Json& json) {
  if (json.is_null()) return "none";
  if (json.is_boolean()) return json.get<bool>() ? "yes" : "no";
  if (json.is_number()) return escaped(format_figure(json));
  if (json.is_string()) return json.get<std::string>().empty() ? "none" : escaped(json.get<std::string>());
  if (json.empty()) return "none";
  std::string list = "<ul>";
  for (const auto& [key, value] : json.items())
    list += fmt::format("<li>{}{}</li>", json.is_object() ? escaped(name_of_key(key)) + ": " : "", value_of(value));
  return list + "</ul>";
}

std::string entry(const std::string& name, const std::string& html) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), html);
}

std::string verdict_cell(const RatioFigures& ratio) {
  if (!ratio.target || !ratio.met) return "<td></td>";
  return *ratio.met ? "<td class=\"met\">✓ met</td>" : "<td class=\"not-met\">✗ NOT met</td>";
}

void put_loop(Table& table, const LoopFigures& loop) {
  table.row(loop.name);
  table.text(loop.subject);
  table.spread(loop.cycles);
  table.spread(loop.nanoseconds);
  for (const Number* number :
       {&loop.elements, &loop.batch, &loop.producers, &loop.pages, &loop.page_size, &loop.bookkeeping})
    table.number(*number);
  table.text(loop.element);
  table.end_row();
}

std::string each_repetition(const LoopFigures& loop, Number std::pair<Number, Number>::* which) {
  std::string cell = "<td class=\"each\">";
  for (const auto& repetition : loop.repetitions)
    cell += fmt::format("<span>{}</span> ", escaped((repetition.*which).text));
  return cell + "</td>";
}

std::string group_tables(const std::string& group, const std::vector<const LoopFigures*>& loops) {
  Table all(group, {"loop", "subject", "cycles: min", "median", "max", "ns: min", "median", "max", "elements", "batch",
                    "producers", "pages", "page size", "bookkeeping", "one element"});
  for (const LoopFigures* loop : loops) put_loop(all, *loop);
  Table each("each repetition of " + group, {"loop", "cycles of each repetition", "nanoseconds of each repetition"});
  for (const LoopFigures* loop : loops) {
    each.row(loop->name);
    each.html(each_repetition(*loop, &std::pair<Number, Number>::first));
    each.html(each_repetition(*loop, &std::pair<Number, Number>::second));
    each.end_row();
  }
  return all.done() + each.done();
}

}  // namespace

std::string machine_table(const Figures& figures) {
  std::string html = "<dl>\n";
  for (const auto& [key, value] : figures.machine.items()) html += entry(name_of_key(key), value_of(value));
  html += entry("netmem", value_of(figures.version));
  html += entry("commit", figures.commit.empty() ? "unknown" : "<code>" + escaped(figures.commit) + "</code>");
  html += entry("measured", escaped(readable_date(figures.date, true)));
  html += entry("repetitions of each loop, interleaved", figures.repetitions.text);
  html += entry("unit", value_of(figures.unit));
  for (const auto& [key, value] : figures.more) html += entry(name_of_key(key), value_of(value));
  html += entry("schema of the figures", figures.schema.text);
  return html + "</dl>\n";
}

std::string ratio_tables(const Figures& figures) {
  Table aimed("ratios with a target", {"ratio", "min", "median", "max", "at most", "target"});
  Table others("other ratios", {"ratio", "min", "median", "max"});
  std::size_t count = 0;
  for (const RatioFigures& ratio : figures.ratios) {
    Table& table = ratio.target ? aimed : others;
    table.row(ratio.name);
    table.spread(ratio.spread);
    if (ratio.target) {
      table.number(*ratio.target);
      table.html(verdict_cell(ratio));
    }
    table.end_row();
    count += ratio.target ? 0 : 1;
  }
  std::string html = count < figures.ratios.size() ? aimed.done() : "<p class=\"none\">No target was measured.</p>\n";
  if (count > 0)
    html += fmt::format(
        "<details>\n<summary>Ratios without a target <span class=\"dim\">{}</span></summary>\n{}</details>\n", count,
        others.done());
  return html;
}

// What is missing for the same reason is one row.
std::string missing_table(const Figures& figures) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const MissingFigures& one : figures.missing) {
    const auto same = std::ranges::find(rows, one.reason, &std::pair<std::string, std::string>::second);
    if (same == rows.end()) {
      rows.emplace_back(one.name, one.reason);
    } else {
      same->first += ", " + one.name;
    }
  }
  Table table("not run here", {"what", "why"});
  for (const auto& [names, reason] : rows) {
    table.row(names);
    table.text(reason);
    table.end_row();
  }
  return table.done();
}

std::string experiment_table(const ExperimentFigures& experiment) {
  const Spread not_measured;
  Table table("the four builds", {"loop", "build", "instructions", "cycles: min", "median", "max", "ratio: low",
                                  "median", "high", "verdict"});
  for (const auto& loop : experiment.loops) {
    for (const BuildFigures& build : loop.builds) {
      table.row(loop.name);
      table.text(experiment.says_of(build.build));
      table.number(build.instructions.value_or(Number{0, "not counted"}));
      table.spread(build.cycles.value_or(not_measured));
      table.spread(build.ratio.value_or(not_measured));
      table.text(build.verdict);
      table.end_row();
    }
  }
  std::string html = table.done() + "<dl>\n";
  html += entry("measured", escaped(readable_date(experiment.date, true)));
  html += entry("commit", experiment.commit.empty() ? "unknown" : "<code>" + escaped(experiment.commit) + "</code>");
  html += entry("rounds", experiment.rounds.text);
  html += entry("confidence of all intervals together", experiment.confidence.text);
  html += entry("margin", experiment.margin.text);
  for (const auto& [key, value] : experiment.more) html += entry(name_of_key(key), value_of(value));
  return html + "</dl>\n";
}

std::string loop_tables(const Figures& figures) {
  std::string html;
  for (const std::string& group : figures.groups()) {
    const auto loops = figures.of_group(group);
    html +=
        fmt::format("<details>\n<summary>{} <code>{}</code> <span class=\"dim\">{} {}</span></summary>\n",
                    escaped(title_of_group(group)), escaped(group), loops.size(), loops.size() == 1 ? "loop" : "loops");
    html += group_tables(group, loops) + "</details>\n";
  }
  return html;
}

}  // namespace netmem::tool
