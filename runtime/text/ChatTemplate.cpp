#include "runtime/text/ChatTemplate.h"

#include "runtime/base/Format.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/jinja/Interpreter.h"
#include "runtime/text/jinja/Lexer.h"
#include "runtime/text/jinja/Parser.h"

namespace ingot {

struct ChatTemplate::Tree {
  jinja::Block block;
};

namespace {

/// Texts that come from outside are checked once, here; everything inside relies on UTF-8.
Status checkTexts(const jinja::Value &value, uint32_t depth) {
  if (depth > jinja::kMaxValueDepth)
    return Status(ErrorClass::Data, "template-limit",
                  "the variables of the chat template nest too deeply");
  if (value.isString()) {
    const size_t at = findInvalidUtf8(value.asString());
    if (at != std::string::npos)
      return Status(ErrorClass::Data, "invalid-utf8",
                    format("a text for the chat template is not UTF-8 at byte %zu of %zu", at,
                           value.asString().size()));
  }
  if (value.isList())
    for (const jinja::Value &item : value.items())
      INGOT_TRY(checkTexts(item, depth + 1));
  if (value.isDict())
    for (const auto &entry : value.asDict().entries) {
      INGOT_TRY(checkTexts(entry.first, depth + 1));
      INGOT_TRY(checkTexts(entry.second, depth + 1));
    }
  return Status::ok();
}

} // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  INGOT_ASSIGN(std::vector<jinja::Token> tokens, jinja::tokenize(source));
  INGOT_ASSIGN(jinja::Block block, jinja::Parser(std::move(tokens)).parse());
  auto tree = std::make_shared<Tree>();
  tree->block = std::move(block);
  return ChatTemplate(std::move(tree));
}

Result<std::string> ChatTemplate::render(std::span<const ChatMessage> messages,
                                         const ChatOptions &options) const {
  using jinja::Value;
  std::vector<Value> list;
  for (const ChatMessage &message : messages)
    list.push_back(Value::dict({{"role", message.role}, {"content", message.content}}));
  return renderVariables(Value::dict({{"messages", Value::list(std::move(list))},
                                      {"tools", jinja::None{}},
                                      {"documents", jinja::None{}},
                                      {"add_generation_prompt", options.addGenerationPrompt},
                                      {"bos_token", options.bosToken},
                                      {"eos_token", options.eosToken}}),
                         options);
}

Result<std::string> ChatTemplate::renderVariables(const jinja::Value &variables,
                                                  const ChatOptions &options) const {
  INGOT_TRY(checkTexts(variables, 0));
  return jinja::Interpreter(options.limits, options.now).render(tree_->block, variables);
}

} // namespace ingot
