// The program `ingot` from outside: what it prints where, and how it ends.

#include "tests/engine/FakeArtifact.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <sys/wait.h>

using namespace ingot;

namespace {

struct Outcome {
  int code;
  std::string out, err;
};

class Tool {
public:
  Tool() { testing::writeFakeArtifact(dir_.file("fake.ingot")); }

  /// Runs `ingot` with the arguments; {} stands for the artifact.
  Outcome operator()(std::string arguments, const std::string &input = "") const {
    for (size_t at; (at = arguments.find("{}")) != std::string::npos;)
      arguments.replace(at, 2, dir_.file("fake.ingot"));
    test::writeFile(dir_.file("in"), bytes(input));
    const std::string command = std::string(INGOT_TOOL) + " " + arguments + " <" + dir_.file("in") +
                                " >" + dir_.file("out") + " 2>" + dir_.file("err");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("out"), text("err")};
  }
  std::string file(const std::string &name, const std::string &content) const {
    test::writeFile(dir_.file(name), bytes(content));
    return dir_.file(name);
  }

private:
  static std::span<const uint8_t> bytes(const std::string &s) {
    return {reinterpret_cast<const uint8_t *>(s.data()), s.size()};
  }
  std::string text(const std::string &name) const {
    const std::vector<uint8_t> content = test::readFile(dir_.file(name));
    return {content.begin(), content.end()};
  }
  test::TempDir dir_;
};

} // namespace

TEST_CASE("one prompt: only the generated text is on stdout") {
  const Tool ingot;
  const Outcome run = ingot("run {} -p hello -n 12 --temp 0 --json");
  REQUIRE(run.code == 0);
  const auto json = nlohmann::json::parse(run.out);
  const std::string text = json["results"][0]["text"];
  const Outcome plain = ingot("run {} -p hello -n 12 --temp 0");
  REQUIRE(plain.code == 0);
  REQUIRE(plain.out == text);
  REQUIRE(plain.err.find("12 new tokens") != std::string::npos);
  REQUIRE(ingot("run {} -q -n 12 --temp 0", "hello\n").out == text);
}

TEST_CASE("several prompts: each answer under its prompt, as if alone") {
  const Tool ingot;
  const std::string flags = " -n 9 --temp 0.8 --seed 3 --threads 2";
  const Outcome together = ingot("run {} -p one -p two" + flags);
  REQUIRE(together.code == 0);
  REQUIRE(together.out == "[1] one\n" + ingot("run {} -p one" + flags).out + "\n\n[2] two\n" +
                              ingot("run {} -p two" + flags).out + "\n");
}

TEST_CASE("the chat template is applied to each prompt") {
  const Tool ingot;
  const std::string flags = " -q -n 9 --temp 0";
  REQUIRE(ingot("run {} --chat -p hi" + flags).out ==
          ingot("run {} -p '<user>hi<assistant>'" + flags).out);
  REQUIRE(ingot("run {} --chat --system be -p hi" + flags).out ==
          ingot("run {} -p '<system>be<user>hi<assistant>'" + flags).out);
}

TEST_CASE("a refused prompt leaves the others their answers and sets the exit code") {
  const Tool ingot;
  const Outcome run = ingot("run {} -p ok -p '' -n 3 --json");
  REQUIRE(run.code == 64);
  const auto json = nlohmann::json::parse(run.out);
  REQUIRE(json["results"][0]["finish_reason"] == "length");
  REQUIRE(json["results"][1]["error"]["id"] == "prompt-empty");
}

TEST_CASE("exit codes and messages of mistakes") {
  const Tool ingot;
  const auto fails = [&](const std::string &arguments, int code, const std::string &says) {
    const Outcome run = ingot(arguments);
    CAPTURE(arguments, run.err);
    REQUIRE(run.code == code);
    REQUIRE(run.out.empty());
    REQUIRE(run.err.find(says) != std::string::npos);
  };
  fails("", 64, "error[usage]");
  fails("rum {}", 64, "did you mean run?");
  fails("run {} --tmp 1", 64, "did you mean --temp?");
  fails("run /nowhere.ingot -p x", 66, "/nowhere.ingot");
  fails("run {} -f /nowhere.txt", 66, "error[input-missing]");
  fails("run {} -p x --top-p 3", 64, "error[sampling-out-of-range]");
  fails("run {} -p x --kv-memory 3X", 64, "error[size-malformed]");
  fails("run {} -p x --cpu fast", 64, "fast");
  fails("run {} -p x --threads 9999", 64, "error[usage]");
  fails("eval {} --ids -f " + ingot.file("ids", "1 2 x"), 65, "error[documents-malformed]");
}

TEST_CASE("every command explains itself with an example") {
  const Tool ingot;
  REQUIRE(ingot("--help").out.find("Example:") != std::string::npos);
  for (const char *command :
       {"run", "bench", "eval", "inspect", "verify", "tokenize", "materialize"}) {
    const Outcome help = ingot(std::string(command) + " --help");
    CAPTURE(command);
    REQUIRE(help.code == 0);
    REQUIRE(help.out.find(std::string("ingot ") + command) != std::string::npos);
    REQUIRE(help.out.find("Example:") != std::string::npos);
  }
  REQUIRE(ingot("--version").out.rfind("ingot ", 0) == 0);
}

TEST_CASE("tokenize and back") {
  const Tool ingot;
  REQUIRE(ingot("tokenize {} -p abc -p d").out == "97 98 99\n100\n");
  REQUIRE(ingot("tokenize {} --decode '97, 98'").out == "ab\n");
  const auto json = nlohmann::json::parse(ingot("tokenize {} --json", "hi").out);
  REQUIRE(json["ids"] == nlohmann::json({104, 105}));
  REQUIRE(json["pieces"] == nlohmann::json({"h", "i"}));
}

TEST_CASE("documents score the same in every form, and alone as together") {
  const Tool ingot;
  const auto score = [&](const std::string &arguments, const std::string &input) {
    const Outcome run = ingot("eval {} --json --logprobs " + arguments, input);
    CAPTURE(arguments, run.err);
    REQUIRE(run.code == 0);
    return nlohmann::json::parse(run.out)["documents"];
  };
  const auto lines = score("--split-lines", "first\nsecond\n");
  REQUIRE(lines.size() == 2);
  REQUIRE(lines[0]["tokens"] == 4); // no begin token: nothing predicts the first
  REQUIRE(lines[0]["logprobs"].size() == 4);
  REQUIRE(score("--json-list", R"(["first", "second"])") == lines);
  REQUIRE(score("--json-list", "[[102,105,114,115,116], [115,101,99,111,110,100]]") == lines);
  REQUIRE(score("--separator '|'", "first|second") == lines);
  REQUIRE(score("--ids --split-lines", "102 105 114 115 116\n115,101,99,111,110,100\n") == lines);
  REQUIRE(score("", "second")[0] == lines[1]);
  REQUIRE(score("--first 1 --split-lines", "first\nsecond\n")[0] == lines[1]);
}

TEST_CASE("bench prints its three cases with their walls") {
  const Tool ingot;
  const Outcome run = ingot("bench {} --runs 1 --probe-mib 1 --threads 1 --json");
  REQUIRE(run.code == 0);
  const auto json = nlohmann::json::parse(run.out);
  REQUIRE(json["cases"].size() == 3);
  for (const auto &which : json["cases"]) {
    REQUIRE(which["tokens_per_second"] > 0);
    REQUIRE(which["read_bytes_per_second"] > 1e8);
    REQUIRE(which["int_operations_per_second"] > 1e8);
  }
}

TEST_CASE("bench measures the sizes that it was given, or says which it takes") {
  const Tool ingot;
  const std::string fast = "bench {} --runs 1 --probe-mib 1 --threads 1 --device cpu ";
  const Outcome cut = ingot(fast + "--json");
  INFO(cut.err);
  REQUIRE(cut.code == 0);
  const auto json = nlohmann::json::parse(cut.out);
  const uint32_t longest = json["cases"][1]["tokens"]; // prompts of 512 are cut to it
  REQUIRE(longest < 512);
  REQUIRE(json["cases"][0]["context"] == 16);
  const auto refused = [&](const std::string &flags, const std::string &most) {
    const Outcome run = ingot(fast + flags);
    return run.code == 64 && run.err.find("bench-size") != std::string::npos &&
           run.err.find("at most " + most) != std::string::npos;
  };
  CHECK(refused("--prompt-tokens " + std::to_string(longest + 1), std::to_string(longest)));
  CHECK(refused("--context " + std::to_string(longest) + " --decode-tokens 4",
                std::to_string(longest - 4)));
  CHECK(refused("--decode-tokens " + std::to_string(longest), std::to_string(longest - 1)));
  const uint32_t sequences = json["cases"][2]["sequences"];
  CHECK(refused("--sequences " + std::to_string(sequences + 1), std::to_string(sequences)));
  CHECK(refused("--only batch --decode-tokens 4 --kv-blocks 3 --sequences 2", "1"));
  const Outcome exact =
      ingot(fast + "--only decode --context " + std::to_string(longest - 4) + " --decode-tokens 4");
  CHECK(exact.code == 0);
  CHECK(exact.out.find("decode, 1 sequence at " + std::to_string(longest - 4)) !=
        std::string::npos);
}
