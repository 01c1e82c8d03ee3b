// A value of a JSON document, and where in it that stands ("loops[3].cycles.min"): for files that somebody else wrote.
// Whatever is not as it is asked for throws JsonDamage, which the function that was given the file turns into an Error.
//
// Threads: any. The document must outlive its readers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "tools/report.h"

namespace netmem::tool {

struct JsonDamage {
  std::string where;
  std::string why;
};

class JsonReader {
 public:
  explicit JsonReader(const Json& json, std::string path = {}) : json_(&json), path_(std::move(path)) {}

  [[nodiscard]] const Json& json() const { return *json_; }

  // Of an object: a member, which must be there; and one that may be missing or null.
  [[nodiscard]] JsonReader at(const char* key) const;
  [[nodiscard]] std::optional<JsonReader> maybe(const char* key) const;

  [[nodiscard]] const Json& object() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool truth() const;
  [[nodiscard]] double amount() const;  // finite, from 0 on
  [[nodiscard]] std::uint64_t count(std::uint64_t at_least = 0) const;

  // The same of a member.
  [[nodiscard]] std::string text(const char* key) const { return at(key).text(); }
  [[nodiscard]] bool truth(const char* key) const { return at(key).truth(); }
  [[nodiscard]] double amount(const char* key) const { return at(key).amount(); }
  [[nodiscard]] std::uint64_t count(const char* key, std::uint64_t at_least = 0) const {
    return at(key).count(at_least);
  }

  // use(reader) for each element of a member that is an array.
  template <class Each>
  void each(const char* key, Each&& use) const {
    const JsonReader array = at(key);
    if (!array.json_->is_array()) array.fail("is no array");
    for (std::size_t i = 0; i < array.json_->size(); ++i)
      use(JsonReader((*array.json_)[i], array.path_ + "[" + std::to_string(i) + "]"));
  }

  [[noreturn]] void fail(std::string why) const;

 private:
  const Json* json_;
  std::string path_;
};

}  // namespace netmem::tool
