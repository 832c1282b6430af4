// The template interpreter against Jinja, and against templates that mean harm.
#include "runtime/text/ChatTemplate.h"
#include "runtime/text/Utf8.h"
#include "tests/text/TextTestSupport.h"

#include <catch2/catch.hpp>

#include <random>

using namespace ingot;
using namespace ingot::test;
using jinja::Value;

namespace {

Result<std::string> render(const std::string &source, const Value &variables,
                           const ChatOptions &options = {}) {
  const auto chat = ChatTemplate::parse(source);
  if (!chat.isOk())
    return chat.status();
  return chat->renderVariables(variables, options);
}

std::string idOf(const std::string &source, const ChatOptions &options = {}) {
  const Status status = render(source, Value::dict({}), options).status();
  INFO(status.toString());
  CHECK((status.isOk() || !status.message().empty()));
  return std::string(status.id());
}

} // namespace

TEST_CASE("small templates render as in Jinja") {
  const auto cases = nlohmann::ordered_json::parse(readText(textData("jinja_cases.json")));
  const Value variables = toValue(cases["variables"]);
  for (const auto &entry : cases["cases"]) {
    const std::string source = entry["template"];
    INFO(entry["template"].dump());
    const auto text = render(source, variables);
    INFO(text.status().toString());
    if (entry.contains("error")) {
      INFO("Jinja refuses it: " << entry["error"]);
      CHECK_FALSE(text.isOk());
    } else {
      CHECK(text.isOk());
      if (text.isOk())
        CHECK(*text == entry["text"].get<std::string>());
    }
  }
}

TEST_CASE("messages become the text that a model was trained on") {
  const auto chat = ChatTemplate::parse(
      "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content | trim }}"
      "<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}");
  REQUIRE(chat.isOk());
  const auto text = chat->render({{"system", "Be brief."}, {"user", " Hi "}}, {.bosToken = "<s>"});
  REQUIRE(text.isOk());
  CHECK(*text == "<s><|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n");
  CHECK(*chat->render({{"user", "a"}}, {.addGenerationPrompt = false}) == "<|user|>\na<|end|>\n");
}

TEST_CASE("errors name the line and the reason") {
  const auto message = [](const std::string &source) {
    return render(source, Value::dict({{"x", 1}})).status().message();
  };
  CHECK(message("a\nb\n{{ x.y.z }}").find("line 3: 'int object' has no attribute 'y'") !=
        std::string::npos);
  CHECK(message("\n{{ raise_exception('no system role') }}").ends_with("line 2: no system role"));
  CHECK(message("{% if x %}\n{% foo %}").find("line 2: unknown or misplaced tag 'foo'") !=
        std::string::npos);
  CHECK(idOf("{{ raise_exception('x') }}") == "template-raised");
  CHECK(idOf("{{ a.b }}") == "template-undefined");
  CHECK(idOf("{{ 1 + 'a' }}") == "template-type");
  CHECK(idOf("{{ 1 | shuffle }}") == "template-unsupported");
  CHECK(idOf("{% import 'x' as y %}") == "template-unsupported");
  CHECK(idOf("{{ (1 }}") == "template-syntax");
  CHECK(idOf("\xff") == "template-syntax");
  CHECK(render("{{ x }}", Value::dict({{"x", std::string("\xc3")}})).status().id() ==
        "invalid-utf8");
}

TEST_CASE("the date is written only when one is given") {
  const std::string source =
      "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}none{% endif %}";
  CHECK(*render(source, Value::dict({})) == "none");
  ChatOptions options;
  options.now = std::tm{};
  options.now->tm_year = 124;
  options.now->tm_mon = 6;
  options.now->tm_mday = 26;
  CHECK(*render(source, Value::dict({}), options) == "26 Jul 2024");
  const Status refused = render("{{ strftime_now('%Y') }}", Value::dict({})).status();
  CHECK(refused.id() == "template-undefined");
  CHECK(refused.message().find("no date was given") != std::string::npos);
}

TEST_CASE("hostile templates stop at the limits") {
  const std::string deepLists =
      "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}";
  CHECK(idOf(deepLists) == "template-limit");
  CHECK(idOf("{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] "
             "%}{% endfor %}{{ ns.x }}") == "template-limit");
  CHECK(idOf("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x "
             "%}{% endfor %}") == "template-limit");
  CHECK(idOf("{{ 'a' * 999999999999 }}") == "template-limit");
  CHECK(idOf("{{ [1] * 999999999999 }}") == "template-limit");
  CHECK(idOf("{{ '' * 999999999999 }}") == "ok");
  CHECK(idOf("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}") == "template-limit");
  const std::string loops =
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
  CHECK(idOf(loops) == "template-limit");
  CHECK(idOf("{{ 9223372036854775807 + 1 }}") ==
        "template-syntax"); // the literal itself is too long
  CHECK(idOf("{{ 999999999999999999 * 999999999999999999 }}") == "template-type");
  CHECK(idOf("{{ 2 ** 9999999999999 }}") == "template-type");
  CHECK(idOf("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns.self.self }}") ==
        "ok"); // freed nevertheless
  CHECK(idOf(std::string(100000, '(')) == "ok");
  CHECK(idOf("{{" + std::string(100000, '(')) == "template-syntax");
  CHECK(idOf("{{" + std::string(100000, '-') + "1}}") == "template-syntax");
  std::string sum = "{{ 1";
  for (int i = 0; i < 5000; ++i)
    sum += " + 1";
  CHECK(idOf(sum + " }}") == "template-syntax");
  std::string ifs;
  for (int i = 0; i < 5000; ++i)
    ifs += "{% if 1 %}";
  CHECK(idOf(ifs) == "template-syntax");
  ChatOptions small;
  small.limits.outputBytes = 10;
  CHECK(idOf("{% for i in range(11) %}x{% endfor %}", small) == "template-limit");
  CHECK(idOf("{% for i in range(10) %}x{% endfor %}", small) == "ok");
}

TEST_CASE("deep variables are refused") {
  Value value = 1;
  for (uint32_t i = 0; i < jinja::kMaxValueDepth + 10; ++i)
    value = Value::list({value});
  CHECK(render("{{ x }}", Value::dict({{"x", value}})).status().id() == "template-limit");
}

TEST_CASE("mutants of templates render or are refused, and nothing else happens") {
  const auto cases = nlohmann::ordered_json::parse(readText(textData("jinja_cases.json")));
  const Value variables = toValue(cases["variables"]);
  ChatOptions options;
  options.limits.work = 1 << 20;
  std::mt19937 random(23);
  std::vector<std::string> sources;
  for (const auto &entry : cases["cases"])
    sources.push_back(entry["template"]);
  size_t rendered = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string source = sources[random() % sources.size()];
    for (uint32_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % (source.size() + 1);
      const std::string &other = sources[random() % sources.size()];
      const size_t from = random() % (other.size() + 1);
      if (random() % 3 == 0)
        source.erase(at, random() % 5);
      else
        source.insert(at, other.substr(from, random() % 12));
    }
    const auto text = render(source, variables, options);
    if (!text.isOk())
      continue;
    ++rendered;
    INFO(source);
    CHECK(findInvalidUtf8(*text) == std::string::npos);
  }
  CHECK(rendered > 500);
}
