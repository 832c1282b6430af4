// Answers requests given as token ids, for models without a tokenizer.
//
//   ingot-replay ARTIFACT < requests.json
//
// In: [{"prompt": [ids], "max_tokens": n, "logprobs": n or absent}], all greedy. Out: one object
// per request: {"tokens": [ids], "top": [[[id, log-probability], ...] per token]}.

#include "tests/e2e/EngineDriver.h"

#include <nlohmann/json.hpp>

#include <iostream>

using namespace ingot;
using namespace ingot::e2e;
using Json = nlohmann::json;

int main(int argc, char **argv) {
  const Json requests = Json::parse(std::cin, nullptr, false);
  if (argc != 2 || !requests.is_array()) {
    std::cerr << "usage: ingot-replay ARTIFACT < requests.json\n";
    return 64;
  }
  const auto session = demand(Session::open(argv[1], {}));
  std::map<RequestId, size_t> places;
  Json answers = Json::array();
  for (const Json &entry : requests) {
    Request request;
    request.prompt = entry.at("prompt").get<std::vector<uint32_t>>();
    request.maxTokens = entry.at("max_tokens").get<uint32_t>();
    request.ignoreEos = true;
    request.sampling.logprobs = entry.value("logprobs", -1);
    places[demand(session->engine().submit(request))] = answers.size();
    answers.push_back({{"tokens", Json::array()}, {"top", Json::array()}});
  }
  session->engine().drain();
  for (const Event &event : session->engine().takeEvents()) {
    demand(event.error);
    Json &answer = answers[places.at(event.request)];
    for (const uint32_t token : event.tokens)
      answer["tokens"].push_back(token);
    for (const Sample &sample : event.samples) {
      Json top = Json::array();
      for (const TokenLogprob &one : sample.top)
        top.push_back({one.token, one.logprob});
      answer["top"].push_back(top);
    }
  }
  std::cout << answers << "\n";
}
