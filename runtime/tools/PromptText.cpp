#include "runtime/tools/PromptText.h"

#include <unistd.h>

namespace ingot::tools {

void PromptFlags::declare(CLI::App &app) {
  app.add_option("-p,--prompt", texts_, "Prompt; repeatable");
  app.add_option("-f,--file", files_, "File that holds a prompt, - is standard input; repeatable");
  app.add_flag("--split-lines", lines_, "Each line of a file is a prompt of its own");
  app.add_flag("--chat", chat_,
               "Put each prompt into the model's chat template, as a user's message");
  app.add_option("--system", system_, "With --chat: a system message in front");
  app.add_flag("--no-special", noSpecial_, "Put no begin token in front of the prompt");
}

Result<std::vector<std::string>> PromptFlags::gather() const {
  std::vector<std::string> prompts = texts_;
  std::vector<std::string> files = files_;
  if (prompts.empty() && files.empty()) {
    if (isatty(STDIN_FILENO))
      return Status(ErrorClass::Usage, "prompt-missing",
                    "give a prompt with -p TEXT, -f FILE or on standard input");
    files.push_back("-");
  }
  for (const std::string &file : files) {
    INGOT_ASSIGN(std::string text, readText(file));
    if (lines_) {
      for (std::string &line : splitLines(text))
        prompts.push_back(std::move(line));
      continue;
    }
    if (!text.empty() && text.back() == '\n')
      text.pop_back(); // the editor's, not the writer's
    prompts.push_back(std::move(text));
  }
  if (prompts.empty())
    return Status(ErrorClass::Usage, "prompt-missing", "the files hold no prompt");
  return prompts;
}

Status PromptFlags::prepare(const Session &session) {
  if (!session.tokenizer())
    return {ErrorClass::Config, "tokenizer-absent",
            "this artifact has no tokenizer; compile it from a directory with tokenizer.json"};
  if (!chat_)
    return Status::ok();
  const std::string &source = session.manifest().chatTemplate;
  if (source.empty())
    return {ErrorClass::Config, "chat-template-absent",
            "this artifact has no chat template; leave out --chat and write the prompt in full"};
  INGOT_ASSIGN(template_, ChatTemplate::parse(source));
  return Status::ok();
}

Result<std::vector<uint32_t>> PromptFlags::encode(const Session &session,
                                                  const std::string &prompt) const {
  const Tokenizer &tokenizer = *session.tokenizer();
  if (!template_)
    return tokenizer.encode(prompt, {!noSpecial_, true});
  const auto text = [&](std::optional<uint32_t> id) {
    return id ? std::string(tokenizer.tokenBytes(*id)) : std::string();
  };
  std::vector<ChatMessage> messages;
  if (!system_.empty())
    messages.push_back({"system", system_});
  messages.push_back({"user", prompt});
  ChatOptions options;
  options.bosToken = text(tokenizer.bosId());
  options.eosToken = text(tokenizer.eosId());
  INGOT_ASSIGN(const std::string rendered, template_->render(messages, options));
  // The template writes the begin token itself.
  return tokenizer.encode(rendered, {/*addSpecial=*/false, /*parseSpecial=*/true});
}

} // namespace ingot::tools
