// Where prompts come from and how they become token ids.
#pragma once

#include "runtime/tools/ToolSupport.h"

namespace ingot::tools {

class PromptFlags {
public:
  void declare(CLI::App &app);
  /// The prompts in the order of the flags; standard input when there is no flag and no terminal.
  Result<std::vector<std::string>> gather() const;
  /// Fails early when the artifact lacks what the flags need. Ids "tokenizer-absent",
  /// "chat-template-absent".
  Status check(const Session &session) const;
  Result<std::vector<uint32_t>> encode(const Session &session, const std::string &prompt) const;

private:
  std::vector<std::string> texts_, files_;
  bool lines_ = false, chat_ = false, noSpecial_ = false;
  std::string system_;
};

} // namespace ingot::tools
