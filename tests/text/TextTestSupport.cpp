#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

namespace ingot::test {

std::string textData(const std::string &name) { return testData("text/" + name); }

nlohmann::json readJson(const std::string &path) { return nlohmann::json::parse(readText(path)); }

jinja::Value toValue(const nlohmann::ordered_json &json) {
  if (json.is_boolean())
    return json.get<bool>();
  if (json.is_number_integer())
    return json.get<int64_t>();
  if (json.is_number())
    return json.get<double>();
  if (json.is_string())
    return json.get<std::string>();
  if (json.is_array()) {
    std::vector<jinja::Value> items;
    for (const auto &item : json)
      items.push_back(toValue(item));
    return jinja::Value::list(std::move(items));
  }
  if (json.is_object()) {
    std::vector<std::pair<jinja::Value, jinja::Value>> entries;
    for (const auto &[key, value] : json.items())
      entries.emplace_back(key, toValue(value));
    return jinja::Value::dict(std::move(entries));
  }
  return jinja::None{};
}

} // namespace ingot::test
