#include "tools/json_reader.h"

#include <gtest/gtest.h>

namespace netmem::tool {
namespace {

// What reading threw, or "read".
template <class Read>
std::string damage(Read&& read) {
  try {
    read();
  } catch (const JsonDamage& found) {
    return found.where + " " + found.why;
  }
  return "read";
}

TEST(JsonReader, SaysWhereInTheDocumentTheDamageIs) {
  const Json json =
      Json::parse(R"({"loops": [{"name": "lock"}, {"name": 7, "cycles": {"min": -1}}, 5], "says": null})");
  const JsonReader all(json);
  std::vector<std::string> found;
  all.each("loops", [&](const JsonReader& loop) {
    found.push_back(damage([&] { static_cast<void>(loop.text("name")); }));
    found.push_back(damage([&] { static_cast<void>(loop.at("cycles").amount("min")); }));
  });
  EXPECT_EQ(found, (std::vector<std::string>{"read", "loops[0].cycles is missing", "loops[1].name is no string",
                                             "loops[1].cycles.min is negative", "loops[2].name is missing",
                                             "loops[2].cycles is missing"}));
  EXPECT_EQ(damage([&] { all.each("says", [](const JsonReader&) {}); }), "says is no array");
  EXPECT_EQ(damage([&] { static_cast<void>(JsonReader(json["loops"]).object()); }), "all of it is no object");
}

TEST(JsonReader, WhatMayBeMissingMayBeNull) {
  const Json json = Json::parse(R"({"null": null, "false": false})");
  const JsonReader all(json);
  EXPECT_FALSE(all.maybe("none"));
  EXPECT_FALSE(all.maybe("null"));
  ASSERT_TRUE(all.maybe("false"));
  EXPECT_FALSE(all.maybe("false")->truth());
}

TEST(JsonReader, CountsAreWholeAndLargeEnough) {
  const Json json = Json::parse(R"([0, 1, 18446744073709551615, -1, 1.0, "1", true])");
  const auto at_least = [&](std::size_t which, std::uint64_t least) {
    return damage([&] { static_cast<void>(JsonReader(json[which]).count(least)); });
  };
  EXPECT_EQ(JsonReader(json[0]).count(), 0u);
  EXPECT_EQ(JsonReader(json[1]).count(1), 1u);
  EXPECT_EQ(JsonReader(json[2]).count(), 18446744073709551615u);
  for (const std::size_t bad : {3U, 4U, 5U, 6U})
    EXPECT_EQ(at_least(bad, 0), "all of it is no whole number from 0 on") << bad;
  EXPECT_EQ(at_least(0, 1), "all of it is no whole number from 1 on");
}

}  // namespace
}  // namespace netmem::tool
