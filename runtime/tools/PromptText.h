// Where prompts come from and how they become token ids.
#pragma once

#include "runtime/text/ChatTemplate.h"
#include "runtime/tools/ToolSupport.h"

#include <optional>

namespace ingot::tools {

class PromptFlags {
public:
  void declare(CLI::App &app);
  /// The prompts in the order of the flags; standard input when there is no flag and no terminal.
  Result<std::vector<std::string>> gather() const;
  /// Call once before encode: parses the chat template when it is wanted. Ids "tokenizer-absent",
  /// "chat-template-absent", or those of ChatTemplate::parse.
  Status prepare(const Session &session);
  Result<std::vector<uint32_t>> encode(const Session &session, const std::string &prompt) const;

private:
  std::vector<std::string> texts_, files_;
  bool lines_ = false, chat_ = false, noSpecial_ = false;
  std::string system_;
  std::optional<ChatTemplate> template_;
};

} // namespace ingot::tools
