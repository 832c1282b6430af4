// Chat templates: the Jinja source that a checkpoint carries turns messages into one text.
//
//   INGOT_ASSIGN(ChatTemplate chat, ChatTemplate::parse(source));
//   INGOT_ASSIGN(std::string text, chat.render({{"user", "Hello"}}, {.bosToken = "<s>"}));
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/jinja/Runtime.h"

#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot {

struct ChatMessage {
  std::string role; ///< "system", "user", "assistant", ...
  std::string content;
};

/// What templates see beside the messages.
struct ChatOptions {
  bool addGenerationPrompt = true; ///< end with the opening of the assistant's answer
  std::string bosToken = {};
  std::string eosToken = {};
  /// The date for strftime_now; without one that name is not defined, and templates that use it
  /// regardless are refused: output must not depend on the day by accident.
  std::optional<std::tm> now = {};
  jinja::Limits limits = {};
};

/// An immutable, parsed template; rendering may run on any thread. Templates are untrusted: they
/// cannot reach anything but their variables, and stop at the limits.
class ChatTemplate {
public:
  /// Ids: "template-syntax", "template-unsupported".
  static Result<ChatTemplate> parse(std::string_view source);

  /// Ids: "template-raised" (the template itself refuses the messages), "template-undefined",
  /// "template-type", "template-unsupported", "template-limit", "invalid-utf8".
  Result<std::string> render(std::span<const ChatMessage> messages,
                             const ChatOptions &options = {}) const;
  Result<std::string> render(std::initializer_list<ChatMessage> messages,
                             const ChatOptions &options = {}) const {
    return render(std::span(messages.begin(), messages.size()), options);
  }

  /// With any variables (messages, tools, documents, ...): the entries of the dict are the names
  /// that the template sees; of `options` only `now` and `limits` count.
  Result<std::string> renderVariables(const jinja::Value &variables,
                                      const ChatOptions &options = {}) const;

private:
  struct Tree;
  explicit ChatTemplate(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const Tree> tree_;
};

} // namespace ingot
