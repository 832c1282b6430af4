// Files and goldens for the tests of runtime/text.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/jinja/Value.h"
#include "tests/support/TempDir.h"
#include "tests/support/TestData.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::test {

/// The tiny tokenizers of tests/data/text, made by make_tokenizers.py there.
inline const char *const kTinyTokenizers[] = {"llama3", "qwen2", "gpt2", "llama2", "metaspace"};

/// tests/data/text/NAME
std::string textData(const std::string &name);
nlohmann::json readJson(const std::string &path);

/// JSON as a template sees it.
jinja::Value toValue(const nlohmann::ordered_json &json);

inline std::vector<uint8_t> bytesOf(const std::string &text) { return {text.begin(), text.end()}; }

} // namespace ingot::test
