#include "bench/json.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace netmem::tool {
namespace {

MeasuredLoop loop(std::string name, std::string group, std::vector<bench::Sample> repetitions) {
  return {.name = std::move(name),
          .group = std::move(group),
          .subject = "netmem, host",
          .element = "something small",
          .elements = 10,
          .repetitions = std::move(repetitions)};
}

Measurements example() {
  Measurements measured{.netmem = "0.1.0",
                        .commit = "abc1234",
                        .date = "2026-11-22T23:59:59Z",
                        .machine = {.cpu = "some CPU",
                                    .processors = 2,
                                    .kernel = "Linux 6.18",
                                    .compiler = "g++ 12.2.0",
                                    .build = "Release",
                                    .is_virtual = true,
                                    .tsc_hz = 2'596'000'000,
                                    .constant_tsc = true,
                                    .others = 0.25,
                                    .notes = {"a note"}},
                        .unit = "cycles(tsc)",
                        .loops = {},
                        .missing = {{"dpdk_mempool", "not installed"}}};
  measured.loops.push_back(loop("lock", "baseline", {{200, 80}, {220, 90}, {400, 160}}));
  measured.loops.push_back(
      loop("page_pool02_ptr_ring/host", "page_pool02_ptr_ring", {{100, 40}, {330, 130}, {300, 120}}));
  return measured;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content)
      : path_(testing::TempDir() + "bench_results_test." + std::to_string(::getpid())) {
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(BenchJson, JsonHasWhatTheLoopsTookAndWhatTheyTookEach) {
  const Json json = to_json(example());
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["repetitions"], 3);
  EXPECT_EQ(json["loops"][0]["repetitions"][2]["cycles"], 400);
  EXPECT_EQ(json["loops"][0]["cycles"]["median"], 22.0);
  EXPECT_EQ(json["ratios"][0]["name"], "page_pool02_ptr_ring/host : lock");
  EXPECT_EQ(json["ratios"][0]["target"], 0.75);
  EXPECT_TRUE(json["ratios"][0]["met"].is_null());  // it spreads widely
  EXPECT_EQ(json["ratios"][0]["spread"], 1.0 / 0.75);
  EXPECT_EQ(json["missing"][0]["reason"], "not installed");
  EXPECT_EQ(json["machine"]["others"], 0.25);
  EXPECT_EQ(json["verdict"]["given"], false);
}

TEST(BenchJson, ComeBackFromTheirJson) {
  const Json json = to_json(example());
  const auto back = measurements(json, "here");
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json(*back), json);
}

TEST(BenchJson, EachMissingMemberOfTheJsonIsFound) {
  const Json whole = to_json(example());
  for (const auto& item : whole.items()) {
    if (item.key() == "repetitions" || item.key() == "ratios" || item.key() == "verdict") continue;  // made anew
    Json damaged = whole;
    damaged.erase(item.key());
    EXPECT_FALSE(measurements(damaged, "here")) << item.key();
  }
  for (const char* part : {"loops", "machine"}) {
    const Json& original = whole[part].is_array() ? whole[part][0] : whole[part];
    for (const auto& item : original.items()) {
      if (item.key() == "cycles" || item.key() == "nanoseconds" || item.key() == "others") continue;
      Json damaged = whole;
      (damaged[part].is_array() ? damaged[part][0] : damaged[part]).erase(item.key());
      EXPECT_FALSE(measurements(damaged, "here")) << part << " " << item.key();
    }
  }
}

TEST(BenchJson, NumbersThatMakeNoSenseAreRefused) {
  const Json whole = to_json(example());
  const auto refuses = [&](const char* pointer, Json value) {
    Json damaged = whole;
    damaged[Json::json_pointer(pointer)] = std::move(value);
    return !measurements(damaged, "here");
  };
  EXPECT_TRUE(refuses("/schema", 2));
  EXPECT_TRUE(refuses("/loops/0/elements", 0));
  EXPECT_TRUE(refuses("/loops/0/elements", -1));
  EXPECT_TRUE(refuses("/loops/0/elements", 1e300));
  EXPECT_TRUE(refuses("/loops/0/repetitions", Json::array()));
  EXPECT_TRUE(refuses("/loops/0/repetitions/0/cycles", "many"));
  EXPECT_TRUE(refuses("/loops/0/bookkeeping", -1.0));
  EXPECT_TRUE(refuses("/machine/notes/0", 7));
  EXPECT_TRUE(refuses("/machine/virtual", 1));
  EXPECT_TRUE(refuses("/machine/cpu", 7));
  EXPECT_TRUE(refuses("/loops", "none"));
  EXPECT_TRUE(refuses("/loops/0", 7));
  EXPECT_TRUE(refuses("/machine/others", -0.1));
  EXPECT_FALSE(refuses("/loops/0/bookkeeping", 77.5));
}

TEST(BenchJson, DamagedFileIsOneClearLine) {
  const TemporaryFile cut(R"({"schema": 1, "loops": [)");
  EXPECT_EQ(read_json(cut.path()).error().message(),
            "cannot use the figures in " + cut.path() + ": it is no JSON; name a file that netmem bench --json wrote");
  EXPECT_EQ(measurements(Json::object(), "here").error().message(),
            "cannot use the figures in here: key 'schema' not found; name a file that netmem bench --json wrote");
}

TEST(BenchJson, DamageIsNamedByItsPlaceInTheFile) {
  Json damaged = to_json(example());
  damaged["loops"][1]["name"] = 7;
  EXPECT_EQ(measurements(damaged, "here").error().message(),
            "cannot use the figures in here: (/loops/1/name) type must be string, but is number; name a file that "
            "netmem bench --json wrote");
}

TEST(BenchJson, FilesThatCannotBeReadAreSaidToBeSo) {
  EXPECT_NE(read_json("/nowhere/at/all").error().message().find("No such file"), std::string::npos);
  EXPECT_NE(read_json("/tmp").error().message().find("Is a directory"), std::string::npos);
  EXPECT_NE(read_json("/dev/zero").error().message().find("64 MiB"), std::string::npos);
}

}  // namespace
}  // namespace netmem::tool
