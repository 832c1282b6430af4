// Template text to tokens, with the white space rules that chat templates are written for:
// trim_blocks and lstrip_blocks on, "-" and "+" signs in tags, one trailing newline dropped.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

enum class TokenType : uint8_t {
  Text,          ///< outside of tags, goes to the output as it is
  BlockBegin,    ///< {%
  BlockEnd,      ///< %}
  VariableBegin, ///< {{
  VariableEnd,   ///< }}
  Name,
  String, ///< text = unescaped
  Integer,
  Float,
  Operator, ///< text = the operator
  End,
};

struct Token {
  TokenType type;
  std::string text;
  uint32_t line;
};

/// Ids: "template-syntax". The last token is End.
Result<std::vector<Token>> tokenize(std::string_view source);

/// "template-syntax" at a line.
Status syntaxError(uint32_t line, const std::string &what);

} // namespace ingot::jinja
