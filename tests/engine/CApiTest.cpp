#include <ingot/ingot.hpp>

#include "tests/engine/FakeArtifact.h"
#include "tests/engine/FakeModel.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <fstream>
#include <immintrin.h>

using namespace ingot;
using ingot::testing::writeFakeArtifact;

extern "C" int ingotHeaderIsC99(void);

namespace {

struct Opened {
  explicit Opened(uint32_t threads = 1, const char *level = nullptr) {
    writeFakeArtifact(dir.file("fake.ingot"));
    ingot_engine_options options = {};
    options.threads = threads;
    options.cpu_level = level;
    const api::Error error = engine.open(dir.file("fake.ingot"), options);
    INFO(error.message);
    REQUIRE_FALSE(error);
  }
  test::TempDir dir;
  api::Engine engine;
};

/// Text and last finish reason of every request, by stepping until nothing is left.
std::map<uint64_t, std::pair<std::string, ingot_finish>> drain(api::Engine &engine) {
  std::map<uint64_t, std::pair<std::string, ingot_finish>> answers;
  for (bool busy = true; busy;) {
    REQUIRE_FALSE(engine.step(busy));
    while (const auto event = engine.poll()) {
      answers[event->request].first += event->text;
      answers[event->request].second = event->finish;
    }
  }
  return answers;
}

ingot_request_options sampled(uint32_t seed) {
  ingot_request_options options = {};
  options.max_tokens = 40;
  options.temperature = 0.9f;
  options.seed = seed;
  options.flags = INGOT_IGNORE_EOS;
  return options;
}

} // namespace

TEST_CASE("the header compiles and runs as C99") { REQUIRE(ingotHeaderIsC99() == 0); }

TEST_CASE("the C interface answers several requests and finishes them") {
  Opened opened;
  uint64_t first = 0, second = 0;
  REQUIRE_FALSE(opened.engine.submit("hello", first, sampled(1)));
  REQUIRE_FALSE(opened.engine.submit("world", second, sampled(2)));
  REQUIRE(first != 0);
  REQUIRE(first != second);
  auto answers = drain(opened.engine);
  REQUIRE(answers.size() == 2);
  REQUIRE(answers[first].second == INGOT_FINISH_LENGTH);
  REQUIRE_FALSE(answers[first].first.empty());
  REQUIRE(answers[first].first != answers[second].first);
}

TEST_CASE("threads, instruction set and company do not change an answer, nor does a hostile mode") {
  std::string expected;
  for (const uint32_t threads : {1u, 2u, 3u, 7u})
    for (const char *level : {"x86-64-v3", static_cast<const char *>(nullptr)}) {
      Opened opened(threads, level);
      uint64_t id = 0, other = 0;
      for (uint32_t i = 0; i < threads; ++i)
        REQUIRE_FALSE(opened.engine.submit("company", other, sampled(i)));
      REQUIRE_FALSE(opened.engine.submit("hello", id, sampled(5)));
      const unsigned mode = _mm_getcsr();
      const unsigned hostile = 0x1f80u | 0x4000u; // round up, denormals kept
      _mm_setcsr(hostile);
      auto answers = drain(opened.engine);
      const unsigned after = _mm_getcsr();
      _mm_setcsr(mode);
      REQUIRE(after == hostile);
      if (expected.empty())
        expected = answers[id].first;
      REQUIRE(answers[id].first == expected);
    }
}

TEST_CASE("greedy tokens of the native kernels are those of the fake model") {
  Opened opened(2);
  const std::vector<uint32_t> prompt = {1, 2, 3};
  ingot_request_options options = {};
  options.max_tokens = 20;
  options.flags = INGOT_IGNORE_EOS;
  uint64_t id = 0;
  REQUIRE_FALSE(opened.engine.submit(std::span(prompt), id, options));
  std::vector<uint32_t> history = prompt;
  for (bool busy = true; busy;) {
    REQUIRE_FALSE(opened.engine.step(busy));
    while (const auto event = opened.engine.poll())
      history.insert(history.end(), event->tokens.begin(), event->tokens.end());
  }
  REQUIRE(history.size() == 23);
  std::vector<uint32_t> expected = prompt;
  while (expected.size() < history.size()) {
    float logits[testing::kFakeVocab];
    testing::fakeLogits(expected, logits);
    expected.push_back(
        static_cast<uint32_t>(std::max_element(logits, logits + testing::kFakeVocab) - logits));
  }
  REQUIRE(history == expected);
}

TEST_CASE("cancelling ends a request with its reason") {
  Opened opened;
  uint64_t id = 0;
  REQUIRE_FALSE(opened.engine.submit("hello", id, sampled(1)));
  bool busy = false;
  REQUIRE_FALSE(opened.engine.step(busy));
  REQUIRE(busy);
  REQUIRE_FALSE(opened.engine.cancel(id));
  REQUIRE(drain(opened.engine)[id].second == INGOT_FINISH_CANCELLED);
}

TEST_CASE("log-probabilities come with each token when asked for") {
  Opened opened;
  test::TempDir dir;
  writeFakeArtifact(dir.file("fake.ingot"));
  ingot_engine *engine = nullptr;
  REQUIRE(ingot_engine_create(dir.file("fake.ingot").c_str(), nullptr, &engine, nullptr) == 0);
  ingot_request_options request = sampled(3);
  request.size = sizeof request;
  request.prompt = "x";
  request.prompt_bytes = 1;
  request.logprobs = 1;
  uint64_t id = 0;
  REQUIRE(ingot_engine_submit(engine, &request, &id, nullptr) == 0);
  size_t tokens = 0;
  for (int32_t busy = 1; busy;) {
    REQUIRE(ingot_engine_step(engine, &busy, nullptr) == 0);
    while (const ingot_event *event = ingot_engine_poll(engine)) {
      REQUIRE(event->size == sizeof(ingot_event));
      REQUIRE((event->logprobs != nullptr) == (event->token_count > 0));
      for (size_t i = 0; i < event->token_count; ++i, ++tokens)
        REQUIRE(event->logprobs[i] < 0);
    }
  }
  REQUIRE(tokens == 40);
  ingot_engine_destroy(engine);
}

TEST_CASE("errors carry code, id and message") {
  ingot_error error = {};
  error.size = sizeof error;
  ingot_engine *engine = nullptr;
  REQUIRE(ingot_engine_create("/nowhere/x.ingot", nullptr, &engine, &error) == INGOT_NO_INPUT);
  REQUIRE(engine == nullptr);
  REQUIRE(error.code == INGOT_NO_INPUT);
  REQUIRE(std::strstr(error.message, "/nowhere/x.ingot") != nullptr);
  REQUIRE(ingot_engine_create(nullptr, nullptr, &engine, &error) == INGOT_USAGE);
  REQUIRE(std::string(error.id) == "null-argument");
  ingot_engine_options options = {};
  REQUIRE(ingot_engine_create("x", &options, &engine, &error) == INGOT_USAGE);
  REQUIRE(std::string(error.id) == "struct-size");
  options.size = sizeof options;
  options.verify = 17;
  REQUIRE(ingot_engine_create("x", &options, &engine, &error) == INGOT_USAGE);

  Opened opened;
  uint64_t id = 7;
  const api::Error refused = opened.engine.submit("", id);
  REQUIRE(refused.code == INGOT_USAGE);
  REQUIRE(refused.id == "prompt-empty");
  REQUIRE(id == 0);
  REQUIRE(opened.engine.submit("\xff", id).id == "invalid-utf8");
  ingot_engine_destroy(nullptr);
  REQUIRE(ingot_engine_poll(nullptr) == nullptr);
}

TEST_CASE("a caller with a shorter struct gets the defaults of what it does not know") {
  test::TempDir dir;
  writeFakeArtifact(dir.file("fake.ingot"));
  ingot_engine_options options = {};
  options.size = offsetof(ingot_engine_options, pin); // knows only `threads`
  options.threads = 1;
  options.verify = 99; // beyond its size: must not be read
  ingot_engine *engine = nullptr;
  REQUIRE(ingot_engine_create(dir.file("fake.ingot").c_str(), &options, &engine, nullptr) == 0);
  ingot_engine_destroy(engine);
}

TEST_CASE("text is tokenized with a count even when the buffer is too small") {
  test::TempDir dir;
  writeFakeArtifact(dir.file("fake.ingot"));
  ingot_engine *engine = nullptr;
  REQUIRE(ingot_engine_create(dir.file("fake.ingot").c_str(), nullptr, &engine, nullptr) == 0);
  uint32_t ids[2] = {};
  size_t count = 0;
  REQUIRE(ingot_engine_tokenize(engine, "abc", 3, ids, 2, &count, nullptr) == 0);
  REQUIRE(count == 3);
  REQUIRE(ids[0] == 'a');
  REQUIRE(ids[1] == 'b');
  ingot_engine_destroy(engine);
}

TEST_CASE("an artifact without a tokenizer takes token ids only") {
  test::TempDir dir;
  writeFakeArtifact(dir.file("fake.ingot"), /*withTokenizer=*/false);
  api::Engine engine;
  REQUIRE_FALSE(engine.open(dir.file("fake.ingot")));
  uint64_t id = 0;
  REQUIRE(engine.submit("hello", id).id == "tokenizer-absent");
  const std::vector<uint32_t> prompt = {1};
  ingot_request_options options = {};
  options.max_tokens = 3;
  REQUIRE_FALSE(engine.submit(std::span(prompt), id, options));
  REQUIRE(drain(engine)[id].first.empty());
}
