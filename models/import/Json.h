// Strict JSON for files that strangers wrote: bounded depth, no duplicate keys, no exceptions.
#pragma once

#include "runtime/base/Status.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace ingot {

using Json = nlohmann::json;

/// Deepest nesting of arrays and objects that parseJson accepts.
inline constexpr int kMaxJsonDepth = 64;

/// Parses one JSON text (RFC 8259, valid UTF-8, nothing behind it). Fails with id "json-invalid",
/// "json-depth" or "json-duplicate-key" and the byte where it happened; `where` names the file.
Result<Json> parseJson(std::string_view text, std::string_view where);

/// Reads a text file of at most `maxBytes`: "file-too-large" beyond that, else as MappedFile::open.
Result<std::string> readTextFile(const std::string &path, uint64_t maxBytes);

} // namespace ingot
