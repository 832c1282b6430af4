#include "models/import/TokenizerJson.h"

#include "runtime/base/Format.h"

namespace ingot {

namespace {

constexpr uint32_t kMaxTokenId = 1u << 22;

} // namespace

Status malformedField(std::string_view where, std::string_view expected) {
  return Status(ErrorClass::Data, "tokenizer-malformed",
                std::string(where) + " is not " + std::string(expected));
}

const Json &member(const Json &object, const char *name) {
  static const Json none;
  if (!object.is_object())
    return none;
  const auto it = object.find(name);
  return it == object.end() ? none : *it;
}

Result<bool> boolField(const Json &object, const char *name, bool fallback,
                       std::string_view where) {
  const Json &value = member(object, name);
  if (value.is_null())
    return fallback;
  if (!value.is_boolean())
    return malformedField(std::string(where) + "." + name, "true or false");
  return value.get<bool>();
}

Result<std::string> textField(const Json &object, const char *name, std::string_view fallback,
                              std::string_view where) {
  const Json &value = member(object, name);
  if (value.is_null())
    return std::string(fallback);
  if (!value.is_string())
    return malformedField(std::string(where) + "." + name, "a string");
  return value.get<std::string>();
}

Result<uint32_t> tokenId(const Json &value, std::string_view where) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= kMaxTokenId)
    return malformedField(where, format("a token id (0 to %u)", kMaxTokenId - 1));
  return static_cast<uint32_t>(value.get<uint64_t>());
}

Result<uint32_t> idField(const Json &object, const char *name, std::string_view where) {
  return tokenId(member(object, name), std::string(where) + "." + name);
}

std::string typeOf(const Json &component) {
  const Json &type = member(component, "type");
  return type.is_string() ? type.get<std::string>() : std::string();
}

} // namespace ingot
