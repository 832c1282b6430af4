#include "models/import/HfConfig.h"

#include "models/import/Json.h"
#include "runtime/base/Format.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace ingot {
namespace {

constexpr uint64_t kMaxConfigBytes = 16'000'000;
constexpr size_t kShownValue = 60; ///< characters of a wrong value that an error repeats

} // namespace

Result<HfConfig> HfConfig::load(const std::string &path) {
  INGOT_ASSIGN(const std::string text, readTextFile(path, kMaxConfigBytes));
  return parse(text, path);
}

Result<HfConfig> HfConfig::parse(std::string_view text, std::string file) {
  INGOT_ASSIGN(Json json, parseJson(text, file));
  if (!json.is_object())
    return Status(ErrorClass::Data, "config-type", file + ": the file is not a JSON object");
  HfConfig config;
  config.file_ = std::move(file);
  config.root_ = std::make_shared<const Json>(std::move(json));
  config.object_ = config.root_.get();
  return config;
}

const Json *HfConfig::lookUp(std::string_view key) const {
  const auto found = object_->find(std::string(key));
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

Status HfConfig::fail(const char *id, std::string_view key, const std::string &what) const {
  return Status(ErrorClass::Data, id, file_ + ": " + prefix_ + std::string(key) + ": " + what);
}

Status HfConfig::missing(std::string_view key) const {
  return fail("config-missing-key", key, "this key is needed and absent");
}

Status HfConfig::wrongType(std::string_view key, const char *expected) const {
  return fail("config-type", key,
              format("expected %s, found %s", expected,
                     lookUp(key)->dump().substr(0, kShownValue).c_str()));
}

Status HfConfig::refuse(const char *id, std::string_view key, const std::string &what) const {
  return Status(ErrorClass::Config, id, file_ + ": " + prefix_ + std::string(key) + ": " + what);
}

bool HfConfig::has(std::string_view key) const { return lookUp(key) != nullptr; }

bool HfConfig::isNull(std::string_view key) const {
  const auto found = object_->find(std::string(key));
  return found != object_->end() && found->is_null();
}

Result<int64_t> HfConfig::checkedInteger(std::string_view key, const Json &value,
                                         IntRange range) const {
  if (!value.is_number_integer())
    return wrongType(key, "a whole number");
  const bool tooLarge =
      value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const int64_t number = tooLarge ? INT64_MAX : value.get<int64_t>();
  if (tooLarge || number < range.least || number > range.most)
    return fail("config-range", key,
                format("is %s, allowed %lld to %lld", value.dump().c_str(),
                       static_cast<long long>(range.least), static_cast<long long>(range.most)));
  return number;
}

Result<int64_t> HfConfig::integer(std::string_view key, IntRange range,
                                  std::optional<int64_t> fallback) const {
  const Json *value = lookUp(key);
  if (value)
    return checkedInteger(key, *value, range);
  if (!fallback)
    return missing(key);
  return *fallback;
}

Result<double> HfConfig::number(std::string_view key, NumberRange range,
                                std::optional<double> fallback) const {
  const Json *value = lookUp(key);
  if (!value && fallback)
    return *fallback;
  if (!value)
    return missing(key);
  if (!value->is_number())
    return wrongType(key, "a number");
  const double number = value->get<double>();
  if (!std::isfinite(number) || number < range.least || number > range.most)
    return fail("config-range", key,
                format("is %s, allowed %g to %g", value->dump().c_str(), range.least, range.most));
  return number;
}

Result<bool> HfConfig::boolean(std::string_view key, std::optional<bool> fallback) const {
  const Json *value = lookUp(key);
  if (!value && fallback)
    return *fallback;
  if (!value)
    return missing(key);
  if (!value->is_boolean())
    return wrongType(key, "true or false");
  return value->get<bool>();
}

Result<std::string> HfConfig::text(std::string_view key,
                                   std::optional<std::string> fallback) const {
  const Json *value = lookUp(key);
  if (!value && fallback)
    return *std::move(fallback);
  if (!value)
    return missing(key);
  if (!value->is_string())
    return wrongType(key, "a string");
  return value->get<std::string>();
}

Result<std::vector<int64_t>> HfConfig::integers(std::string_view key, IntRange range) const {
  std::vector<int64_t> numbers;
  const Json *value = lookUp(key);
  if (!value)
    return numbers;
  const Json list = value->is_array() ? *value : Json::array({*value});
  for (const Json &item : list) {
    INGOT_ASSIGN(const int64_t number, checkedInteger(key, item, range));
    numbers.push_back(number);
  }
  return numbers;
}

Result<std::vector<std::string>> HfConfig::texts(std::string_view key) const {
  std::vector<std::string> strings;
  const Json *value = lookUp(key);
  if (!value)
    return strings;
  if (!value->is_array())
    return wrongType(key, "a list of strings");
  for (const Json &item : *value) {
    if (!item.is_string())
      return wrongType(key, "a list of strings");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

Result<std::optional<HfConfig>> HfConfig::section(std::string_view key) const {
  const Json *value = lookUp(key);
  if (!value)
    return std::optional<HfConfig>();
  if (!value->is_object())
    return wrongType(key, "an object");
  HfConfig inner(*this);
  inner.prefix_ += std::string(key) + ".";
  inner.object_ = value;
  return std::optional<HfConfig>(std::move(inner));
}

} // namespace ingot
