#include "tools/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tools/bench_charts.h"
#include "tools/bench_figures.h"
#include "tools/bench_picture.h"
#include "tools/bench_report_css.h"
#include "tools/bench_tables.h"
#include "tools/bench_verdict.h"
#include "tools/gnuplot.h"
#include "tools/markup.h"

namespace netmem::tool {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="kicker">netmem {version}{commit} · {date}</p>
<h1>Page pool benchmark</h1>
<p class="verdict">{verdict}</p>
{not_met}{tiles}</header>
<nav aria-label="On this page"><a href="#machine">Machine</a> <a href="#consumer">On the consumer</a> <a
href="#cross-core">Between cores</a> <a href="#experiment">Experiment</a> <a href="#sizes">Sizes</a> <a
href="#ratios">Targets</a> <a href="#missing">Not run</a> <a href="#figures">Every figure</a></nav>
<main>
)";

constexpr std::string_view kFoot = R"(</main>
<footer>Made by <code>netmem bench --report</code>; the charts are gnuplot's. Every figure of the JSON is on this page.</footer>
</body>
</html>
)";

constexpr std::string_view kHowToRead =
    "Bars are medians of {} repetitions, whiskers go from the least to the greatest; less is better. Cycles are of the "
    "TSC.";

constexpr std::string_view kNoExperiment =
    "Not run: these figures come without it. <code>bench/regression-experiment --json FILE</code> builds the four and "
    "runs "
    "them in turn; <code>netmem bench --experiment FILE</code> puts its figures here.";

constexpr std::string_view kExperiment =
    "The pool built four times: for host memory only, with a provider from outside the library, with device memory, "
    "and "
    "with one more load and branch planted in every alloc and recycle, which must be found. Instructions are counted "
    "exactly. Time is measured in turn; whiskers are confidence intervals of its ratio to the first build.";

using Drawings = std::vector<std::string>;

std::string keys_of(const Chart& chart) {
  if (chart.keys.empty()) return "";
  std::string html = "<ul class=\"keys\">";
  for (const Chart::Key& key : chart.keys)
    html +=
        fmt::format("<li><i style=\"color:var(--{})\">{}</i> {}</li>", name_of(key.ink), key.mark, escaped(key.label));
  return html + "</ul>\n";
}

std::string figure(const Chart& chart, const Drawings& drawings) {
  return fmt::format("<figure>\n<figcaption><h3>{}{}</h3><p>{}</p></figcaption>\n{}{}\n{}</figure>\n",
                     escaped(chart.title), chart.code.empty() ? "" : " <code>" + escaped(chart.code) + "</code>",
                     escaped(chart.says), keys_of(chart), drawings.at(chart.drawing),
                     chart.note.empty() ? "" : "<p class=\"note\">" + escaped(chart.note) + "</p>\n");
}

std::string figures_in_grid(const std::vector<Chart>& charts, const Drawings& drawings) {
  if (charts.empty()) return "<p class=\"none\">Not measured in this run.</p>\n";
  std::string html = "<div class=\"grid\">\n";
  for (const Chart& chart : charts) html += figure(chart, drawings);
  return html + "</div>\n";
}

std::string section(std::string_view id, std::string_view title, const std::string& html) {
  return fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", id, title, html);
}

std::string paragraph(const std::string& html) { return fmt::format("<p>{}</p>\n", html); }

std::string legend_of_bars(const std::vector<Chart>& charts) {
  std::string keys;
  for (const auto& [ink, says] : {std::pair{Ink::host, "netmem, host memory"},
                                  {Ink::device, "netmem, device memory"},
                                  {Ink::huge, "netmem, huge pages"},
                                  {Ink::floor, "floor: no pool at all"},
                                  {Ink::peer, "peers"}})
    if (std::ranges::any_of(charts, [&](const Chart& chart) { return chart.inks.contains(ink); }))
      keys += fmt::format("<li><i style=\"color:var(--{})\">■</i> {}</li>", name_of(ink), says);
  return keys.empty() ? keys : "<ul class=\"keys\">" + keys + "</ul>\n";
}

// With something before it when there is a text, nothing else.
std::string after(std::string_view before, const std::string& text) {
  return text.empty() ? text : fmt::format("{}{}", before, escaped(text));
}

std::string tiles(const Figures& figures) {
  std::string html;
  for (const Highlight& one : highlights(figures))
    html += fmt::format("<li><b>{}<small>{}</small></b> {}</li>\n", escaped(one.figure), after(" ", one.unit),
                        escaped(one.says));
  return html.empty() ? html : fmt::format("<ul class=\"tiles\">\n{}</ul>\n", html);
}

std::string head(const Figures& figures) {
  const std::string not_met = targets_not_met(figures);
  const std::string title = escaped(readable_date(figures.date, false)) + after(", commit ", figures.commit);
  return fmt::format(
      kHead, fmt::arg("title", fmt::format("netmem benchmark, {}", title)), fmt::arg("style", kBenchReportCss),
      fmt::arg("version", escaped(figures.version)), fmt::arg("commit", after(" · commit ", figures.commit)),
      fmt::arg("date", escaped(readable_date(figures.date, true))), fmt::arg("verdict", escaped(verdict(figures))),
      fmt::arg("not_met", not_met.empty() ? "" : fmt::format("<p class=\"dim\">{}</p>\n", escaped(not_met))),
      fmt::arg("tiles", tiles(figures)));
}

// All charts are drawn in one run of gnuplot before the page is put together.
struct Charts {
  std::vector<Chart> consumer, cross_core, baseline, sizes, experiment;
  Drawings drawings;
};

Result<Charts> draw_charts(const Figures& figures) {
  Drawing drawing(Medium::page);
  Charts charts{.consumer = consumer_charts(drawing, figures),
                .cross_core = cross_core_charts(drawing, figures),
                .baseline = baseline_charts(drawing, figures),
                .sizes = size_charts(drawing, figures),
                .experiment = {},
                .drawings = {}};
  if (figures.experiment) charts.experiment = experiment_charts(drawing, *figures.experiment);
  auto drawn = drawing.draw();
  if (!drawn) return std::unexpected(drawn.error());
  charts.drawings = std::move(*drawn);
  return charts;
}

std::string experiment_section(const Figures& figures, const Charts& charts) {
  if (!figures.experiment) return paragraph(std::string(kNoExperiment));
  const ExperimentFigures& experiment = *figures.experiment;
  std::string html = "<p class=\"verdict\">" + escaped(experiment.says) + "</p>\n";
  html += paragraph(std::string(kExperiment));
  if (!charts.experiment.empty()) html += figures_in_grid(charts.experiment, charts.drawings);
  return html + experiment_table(experiment);
}

std::string body(const Figures& figures, const Charts& charts) {
  const auto& drawings = charts.drawings;
  std::string html = section("machine", "The machine", machine_table(figures));
  html += section("consumer", "On the consumer",
                  paragraph(fmt::format(kHowToRead, figures.repetitions.text)) + legend_of_bars(charts.consumer) +
                      figures_in_grid(charts.consumer, drawings));
  html += section("cross-core", "Between cores",
                  legend_of_bars(charts.cross_core) + figures_in_grid(charts.cross_core, drawings));
  html += section("baseline", "Baselines", figures_in_grid(charts.baseline, drawings));
  html += section("experiment", "The experiment: four builds", experiment_section(figures, charts));
  html += section("sizes", "Cost against size", figures_in_grid(charts.sizes, drawings));
  html +=
      section("ratios", "Ratios and targets",
              paragraph("Quotients repetition by repetition, so both sides were measured in the same moment. A target "
                        "is for the median.") +
                  ratio_tables(figures));
  html += section("missing", "Not run here",
                  figures.missing.empty() ? paragraph("Everything ran.") : missing_table(figures));
  html += section("figures", "Every figure",
                  paragraph("Cycles and nanoseconds are for one element; those of repetitions "
                            "are for all elements. Bookkeeping is bytes a page, 0 where "
                            "unknown.") +
                      loop_tables(figures));
  return html;
}

}  // namespace

Result<std::string> render_report(const Json& figures) {
  const auto read = read_figures(figures);
  if (!read) return std::unexpected(read.error());
  const auto charts = draw_charts(*read);
  if (!charts) return std::unexpected(charts.error());
  return head(*read) + body(*read, *charts) + std::string(kFoot);
}

Result<std::string> render_picture(const Json& figures) {
  const auto read = read_figures(figures);
  if (!read) return std::unexpected(read.error());
  Drawing drawing(Medium::picture);
  put_picture(drawing, *read);
  if (drawing.count() == 0)
    return refused("draw the picture",
                   "the figures have none of the loops page_pool01_fast_path, bulk_64, cross_core_64",
                   "measure them, or draw the --report, which shows what there is");
  auto drawn = drawing.draw();
  if (!drawn) return std::unexpected(drawn.error());
  return drawn->front() + "\n";
}

}  // namespace netmem::tool
