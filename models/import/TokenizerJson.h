// Field access in tokenizer.json and its companions, with errors that name the place.
#pragma once

#include "models/import/Json.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ingot {

/// "tokenizer-malformed": a field is missing or has the wrong type.
Status malformedField(std::string_view where, std::string_view expected);

/// The member `name` of an object, or null when it is absent or `object` is no object.
const Json &member(const Json &object, const char *name);

/// Fields of `object`; an absent or null one gives `fallback`, another type is an error at `where`.
Result<bool> boolField(const Json &object, const char *name, bool fallback, std::string_view where);
Result<std::string> textField(const Json &object, const char *name, std::string_view fallback,
                              std::string_view where);
/// A token id; required.
Result<uint32_t> idField(const Json &object, const char *name, std::string_view where);
/// Reads a token id from a value.
Result<uint32_t> tokenId(const Json &value, std::string_view where);

/// The "type" of a component, or an empty text.
std::string typeOf(const Json &component);

} // namespace ingot
