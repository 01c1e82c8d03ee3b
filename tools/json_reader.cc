#include "tools/json_reader.h"

#include <cmath>

namespace netmem::tool {

void JsonReader::fail(std::string why) const { throw JsonDamage{path_.empty() ? "all of it" : path_, std::move(why)}; }

JsonReader JsonReader::at(const char* key) const {
  const auto found = json_->find(key);  // the end, where it is no object
  std::string path = path_.empty() ? key : path_ + "." + key;
  if (found == json_->end()) throw JsonDamage{std::move(path), "is missing"};
  return JsonReader(*found, std::move(path));
}

std::optional<JsonReader> JsonReader::maybe(const char* key) const {
  const auto found = object().find(key);
  if (found == json_->end() || found->is_null()) return std::nullopt;
  return at(key);
}

const Json& JsonReader::object() const {
  if (!json_->is_object()) fail("is no object");
  return *json_;
}

std::string JsonReader::text() const {
  if (!json_->is_string()) fail("is no string");
  return json_->get<std::string>();
}

bool JsonReader::truth() const {
  if (!json_->is_boolean()) fail("is neither true nor false");
  return json_->get<bool>();
}

double JsonReader::amount() const {
  if (!json_->is_number() || !std::isfinite(json_->get<double>())) fail("is no number");
  if (json_->get<double>() < 0) fail("is negative");
  return json_->get<double>();
}

std::uint64_t JsonReader::count(std::uint64_t at_least) const {
  if (!json_->is_number_integer() || json_->get<double>() < static_cast<double>(at_least))
    fail("is no whole number from " + std::to_string(at_least) + " on");
  return json_->get<std::uint64_t>();
}

}  // namespace netmem::tool
