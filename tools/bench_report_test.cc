#include "tools/bench_report.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tools/bench_bars.h"
#include "tools/bench_figures.h"
#include "tools/bench_picture.h"
#include "tools/bench_verdict.h"
#include "tools/markup.h"

namespace netmem::tool {
namespace {

Json empty_figures() {
  return Json::parse(
      R"json({"schema": 1, "netmem": "0.1.0", "commit": "", "date": "2026-11-22T23:59:59Z", "machine": {},
                         "unit": "cycles(tsc)", "repetitions": 9, "loops": [], "ratios": [], "missing": [],
                         "experiment": null})json");
}

Json loop(const std::string& name, double median) {
  const std::string group = name.substr(0, name.find('/'));
  Json spread{{"min", median * 0.9}, {"median", median}, {"max", median * 1.2}};
  return Json{{"name", name},
              {"group", group},
              {"subject", "netmem, " + name.substr(name.find('/') + 1)},
              {"element", "a page"},
              {"batch", 1},
              {"producers", 0},
              {"pages", 64},
              {"page_size", 4096},
              {"elements", 1000},
              {"repetitions", Json::array({Json{{"cycles", 12345678}, {"nanoseconds", 4321}}})},
              {"cycles", spread},
              {"nanoseconds", spread},
              {"bookkeeping", 65.5}};
}

Json some_figures() {
  Json figures = empty_figures();
  figures["loops"] = Json::array({loop("page_pool01_fast_path/host", 2.0), loop("page_pool01_fast_path/device", 2.1)});
  return figures;
}

Json ratio(const std::string& above, const std::string& below, double median, Json target = Json()) {
  Json met = target.is_null() ? Json() : Json(median <= target.get<double>());
  return Json{
      {"name", above + " : " + below}, {"above", above},   {"below", below}, {"min", median - 0.1}, {"median", median},
      {"max", median + 0.1},           {"target", target}, {"met", met}};
}

std::string verdict_of(const Json& figures) {
  const auto read = read_figures(figures);
  return read ? verdict(*read) : read.error().message();
}

// Programs are looked for nowhere while it lives.
class NoPrograms {
 public:
  NoPrograms() : path_(std::getenv("PATH")) { ::setenv("PATH", "/nonexistent", 1); }
  NoPrograms(const NoPrograms&) = delete;
  NoPrograms& operator=(const NoPrograms&) = delete;
  ~NoPrograms() { ::setenv("PATH", path_.c_str(), 1); }

 private:
  std::string path_;
};

bool have_gnuplot() { return std::system("command -v gnuplot >/dev/null") == 0; }

TEST(FormatFigure, IntegersKeepAllTheirDigitsInGroups) {
  EXPECT_EQ(format_figure(Json(0)), "0");
  EXPECT_EQ(format_figure(Json(4096)), "4096");
  EXPECT_EQ(format_figure(Json(10000)), "10,000");
  EXPECT_EQ(format_figure(Json(2596000000)), "2,596,000,000");
  EXPECT_EQ(format_figure(Json(-123456)), "-123,456");
}

TEST(FormatFigure, OthersHaveThreeSignificantDigits) {
  EXPECT_EQ(format_figure(Json(0.0)), "0.00");
  EXPECT_EQ(format_figure(Json(0.012345)), "0.0123");
  EXPECT_EQ(format_figure(Json(0.98765)), "0.988");
  EXPECT_EQ(format_figure(Json(2.5)), "2.50");
  EXPECT_EQ(format_figure(Json(9.999)), "10.0");
  EXPECT_EQ(format_figure(Json(123.456)), "123");
  EXPECT_EQ(format_figure(Json(12345.6)), "12,346");
  EXPECT_EQ(format_figure(Json(1.5e-9)), "1.50e-09");
  EXPECT_EQ(format_figure(Json(2.5e300)), "2.50e+300");
}

TEST(FormatFigure, RatiosNearOneHaveThreeDecimals) {
  EXPECT_EQ(format_figure(Json(1.0)), "1.000");
  EXPECT_EQ(format_figure(Json(1.0043)), "1.004");
  EXPECT_EQ(format_figure(Json(0.99951)), "1.000");
  EXPECT_EQ(format_figure(Json(0.9994)), "0.999");
  EXPECT_EQ(format_figure(Json(1.9999)), "2.000");
  EXPECT_EQ(format_short(1.0043), "1.00");
}

TEST(Markup, EscapesWhatHtmlAndXmlWouldUnderstand) {
  EXPECT_EQ(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(escaped("a\nb\tc"), "a b c");
  EXPECT_EQ(escaped(std::string_view("\x1b\0\x7f", 3)), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(escaped("größer"), "größer");
}

TEST(Markup, ShortensBetweenCharacters) {
  EXPECT_EQ(shortened("größer", 6), "größer");
  EXPECT_EQ(shortened("größer", 4), "grö…");
  EXPECT_EQ(shortened("頁頁頁", 2), "頁…");
}

TEST(BenchCharts, DatesAreReadable) {
  EXPECT_EQ(readable_date("2026-11-22T23:59:59Z", true), "22 November 2026, 23:59 UTC");
  EXPECT_EQ(readable_date("2026-11-02T23:59:59Z", false), "2 November 2026");
  EXPECT_EQ(readable_date("2026-13-22", true), "2026-13-22");
  EXPECT_EQ(readable_date("yesterday", true), "yesterday");
}

TEST(BenchCharts, GroupsHaveTitlesForPeople) {
  EXPECT_EQ(title_of_group("bulk_64"), "In bulk, 64 at once");
  EXPECT_EQ(title_of_group("cross_core_1"), "Back from another core, one by one");
  EXPECT_EQ(title_of_group("cross_core_8"), "Back from another core, 8 at once");
  EXPECT_EQ(title_of_group("cross_core_64_from_2"), "Back from 2 other cores, 64 at once");
  EXPECT_EQ(title_of_group("something_new"), "something_new");
}

TEST(BenchFigures, SaysWhereTheyAreDamaged) {
  Json figures = some_figures();
  figures["loops"][1]["cycles"].erase("median");
  EXPECT_EQ(verdict_of(figures),
            "cannot draw the report: the figures are damaged: loops[1].cycles.median is missing; make them again with "
            "netmem bench --json FILE");
  figures["loops"][1]["cycles"]["median"] = "2";
  EXPECT_NE(verdict_of(figures).find("loops[1].cycles.median is no number"), std::string::npos);
  figures["loops"][1]["cycles"]["median"] = -2;
  EXPECT_NE(verdict_of(figures).find("loops[1].cycles.median is negative"), std::string::npos);
  figures["loops"][1]["cycles"]["median"] = std::nan("");
  EXPECT_NE(verdict_of(figures).find("loops[1].cycles.median is no number"), std::string::npos);
  figures["loops"] = "none";
  EXPECT_NE(verdict_of(figures).find("loops is no array"), std::string::npos);
}

TEST(BenchFigures, OtherSchemasAreRefused) {
  Json figures = empty_figures();
  figures["schema"] = 2;
  EXPECT_NE(verdict_of(figures).find("schema is not 1"), std::string::npos);
  EXPECT_NE(verdict_of(Json::array()).find("is no object"), std::string::npos);
  EXPECT_NE(verdict_of(Json()).find("is no object"), std::string::npos);
}

TEST(BenchFigures, WhatIsMissingOfAnExperimentIsNoDamage) {
  Json figures = empty_figures();
  figures["experiment"] = Json::parse(R"({"date": "", "commit": "", "rounds": 0, "confidence": 0.99, "margin": 0.0,
      "builds": [], "loops": [{"name": "x", "builds": [{"build": "device", "instructions": 20.0}]}], "says": "counted"})");
  const auto read = read_figures(figures);
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_TRUE(read->experiment);
  EXPECT_EQ(read->experiment->loops.at(0).builds.at(0).instructions.value().text, "20.0");
  EXPECT_FALSE(read->experiment->loops.at(0).builds.at(0).ratio);
}

TEST(BenchVerdict, SaysWhenNothingWasMeasured) {
  EXPECT_EQ(verdict_of(empty_figures()), "Device memory was not measured beside host memory; no target was measured.");
}

TEST(BenchVerdict, DeviceMemoryThatCostsNothingIsSaidSo) {
  Json figures = empty_figures();
  figures["ratios"] = Json::array(
      {ratio("a/device", "a/host", 1.02), ratio("b/device", "b/host", 0.98), ratio("a/host", "a/array", 1.1, 1.25)});
  EXPECT_EQ(
      verdict_of(figures),
      "Device memory costs nothing that can be seen here: device : host includes 1.00 in all 2 loops (medians 0.980 "
      "to 1.020); the one target is met.");
}

TEST(BenchVerdict, DeviceMemoryThatCostsSomethingIsNamed) {
  Json figures = empty_figures();
  figures["ratios"] = Json::array({ratio("a/device", "a/host", 1.5), ratio("b/device", "b/host", 0.98),
                                   ratio("a/host", "a/array", 1.3, 1.25), ratio("a/host", "lock", 0.5, 0.75)});
  EXPECT_EQ(
      verdict_of(figures),
      "Device memory costs the same as host memory in 1 of 2 loops (medians 0.980 to 1.500), not in a (1.500); 1 of 2 "
      "targets are met.");
  EXPECT_EQ(targets_not_met(*read_figures(figures)), "Not met: a, host : array 1.300 (at most 1.250).");
}

TEST(BenchReport, SaysThatGnuplotIsNotInstalled) {
  const NoPrograms here;
  const auto page = render_report(some_figures());
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().message(), "cannot draw the report: gnuplot is not installed; install gnuplot-nox");
}

TEST(BenchReport, SaysWhatGnuplotSaid) {
  std::string folder = testing::TempDir() + "/netmem-gnuplot-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/gnuplot";
  std::ofstream(path) << "#!/bin/sh\necho 'unknown terminal' >&2\nexit 7\n";
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", (folder + ":" + before).c_str(), 1);
  const auto page = render_report(some_figures());
  std::ofstream(path) << "#!/bin/sh\ncat >/dev/null\n";
  const auto empty = render_report(some_figures());
  ::setenv("PATH", before.c_str(), 1);
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
  ASSERT_FALSE(page);
  EXPECT_NE(page.error().message().find("gnuplot ended with exit code 7 and said: unknown terminal"),
            std::string::npos);
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().message().find("gnuplot drew 0 charts of 1"), std::string::npos) << empty.error().message();
}

TEST(BenchReport, FiguresWithoutALoopNeedNoChart) {
  const NoPrograms here;
  const auto page = render_report(empty_figures());
  ASSERT_TRUE(page) << page.error().message();
  EXPECT_NE(page->find("Not measured in this run."), std::string::npos);
  const auto picture = render_picture(empty_figures());
  ASSERT_FALSE(picture);
  EXPECT_NE(picture.error().message().find("cannot draw the picture: the figures have none of the loops"),
            std::string::npos);
}

TEST(BenchReport, TheSameFiguresGiveTheSamePage) {
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  const auto first = render_report(some_figures());
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(*first, render_report(some_figures()).value());
  EXPECT_EQ(render_picture(some_figures()).value(), render_picture(some_figures()).value());
}

TEST(BenchReport, NamesAreNeitherMarkupNorCommands) {
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  Json figures = some_figures();
  figures["loops"][0]["subject"] = "</text><script>'; exit; `id`\" \\ \n EOD\x01\xff";
  figures["machine"]["cpu"] = "<script>";
  for (const auto& drawn : {render_report(figures), render_picture(figures)}) {
    ASSERT_TRUE(drawn) << drawn.error().message();
    EXPECT_EQ(drawn->find("<script"), std::string::npos);
    EXPECT_NE(drawn->find("&lt;script&gt;&#39;; exit; `id`&quot; \\"), std::string::npos);
    EXPECT_EQ(drawn->find('\x01'), std::string::npos);
    EXPECT_EQ(drawn->find('\xff'), std::string::npos);
  }
}

}  // namespace
}  // namespace netmem::tool
