// config.json and its kin: typed reading with ranges. Every error names the file and the key.
#pragma once

#include "runtime/base/Status.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

/// Allowed values, both ends included.
struct IntRange {
  int64_t least;
  int64_t most;
};
struct NumberRange {
  double least;
  double most;
};

/// An object of the file. A key whose value is null counts as absent, as it does for the Python
/// library that writes these files. Ids: "config-missing-key", "config-type", "config-range".
class HfConfig {
public:
  static Result<HfConfig> load(const std::string &path);
  /// `file` is the name that errors use.
  static Result<HfConfig> parse(std::string_view text, std::string file);

  bool has(std::string_view key) const;
  /// The key is there and says null; such a key counts as absent elsewhere.
  bool isNull(std::string_view key) const;
  /// Without a fallback an absent key is an error.
  Result<int64_t> integer(std::string_view key, IntRange range,
                          std::optional<int64_t> fallback = {}) const;
  Result<double> number(std::string_view key, NumberRange range,
                        std::optional<double> fallback = {}) const;
  Result<bool> boolean(std::string_view key, std::optional<bool> fallback = {}) const;
  Result<std::string> text(std::string_view key, std::optional<std::string> fallback = {}) const;
  /// A number or a list of numbers; absent gives an empty list.
  Result<std::vector<int64_t>> integers(std::string_view key, IntRange range) const;
  /// A list of strings; absent gives an empty list.
  Result<std::vector<std::string>> texts(std::string_view key) const;
  /// A nested object; absent gives nothing.
  Result<std::optional<HfConfig>> section(std::string_view key) const;

  /// A Status of class Config about `key`: "FILE: KEY: what".
  Status refuse(const char *id, std::string_view key, const std::string &what) const;
  const std::string &file() const { return file_; }

private:
  HfConfig() = default;
  const nlohmann::json *lookUp(std::string_view key) const;
  Status fail(const char *id, std::string_view key, const std::string &what) const;
  Status missing(std::string_view key) const;
  Status wrongType(std::string_view key, const char *expected) const;
  Result<int64_t> checkedInteger(std::string_view key, const nlohmann::json &value,
                                 IntRange range) const;

  std::string file_;
  std::string prefix_;                         ///< "rope_scaling." inside a section
  std::shared_ptr<const nlohmann::json> root_; ///< keeps object_ alive
  const nlohmann::json *object_ = nullptr;
};

} // namespace ingot
