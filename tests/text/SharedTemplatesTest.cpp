// Published chat templates, rendered by Jinja itself, where the shared test data is present.
#include "runtime/text/ChatTemplate.h"
#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::test;

TEST_CASE("published chat templates render as in Jinja") {
  const auto folder = sharedData("data/tokenizers");
  if (!folder)
    return;
  const nlohmann::ordered_json cases =
      nlohmann::ordered_json::parse(readText(*folder + "/chat_templates/cases.json"));
  ChatOptions options;
  options.now = std::tm{};
  options.now->tm_year = 124;
  options.now->tm_mon = 6;
  options.now->tm_mday = 26;
  options.now->tm_hour = 12;
  options.now->tm_wday = 5;
  size_t rendered = 0;
  size_t raised = 0;
  for (const auto &entry : cases["templates"]) {
    const std::string name = entry["template"];
    INFO(name);
    if (!sharedData("data/tokenizers/" +
                    (name.ends_with(".jinja") ? "chat_templates/" + name : name)))
      continue;
    const bool isConfig = name.ends_with("tokenizer_config.json");
    const std::string source =
        isConfig ? readJson(*folder + "/" + name)["chat_template"].get<std::string>()
                 : readText(*folder + "/chat_templates/" + name);
    const auto chat = ChatTemplate::parse(source);
    INFO(chat.status().toString());
    CHECK(chat.isOk());
    if (!chat.isOk())
      continue;
    for (const auto &[conversation, expected] : entry["cases"].items()) {
      INFO(conversation);
      nlohmann::ordered_json variables = cases["conversations"][conversation];
      variables["bos_token"] = entry["bos_token"];
      variables["eos_token"] = entry["eos_token"];
      const auto text = chat->renderVariables(toValue(variables), options);
      INFO(text.status().toString());
      if (expected.contains("error")) {
        ++raised;
        CHECK_FALSE(text.isOk());
        const std::string error = expected["error"];
        if (error.starts_with("TemplateError: "))
          CHECK(text.status().message().ends_with(error.substr(15)));
        continue;
      }
      ++rendered;
      CHECK(text.isOk());
      if (text.isOk())
        CHECK(*text == expected["text"].get<std::string>());
    }
  }
  CHECK(rendered > 300);
  CHECK(raised > 10);
}
