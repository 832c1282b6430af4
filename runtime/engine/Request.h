// What a caller asks of the engine, and what it gets back.
#pragma once

#include "runtime/engine/Sampler.h"

#include <string>

namespace ingot {

using RequestId = uint64_t;

struct Request {
  std::vector<uint32_t> prompt; ///< token ids, at least one
  uint32_t maxTokens = 0;       ///< new tokens; 0 = as many as the context holds
  SamplingParams sampling;
  std::vector<std::string> stopStrings; ///< UTF-8; the match is not part of the text
  std::vector<uint32_t> stopIds;        ///< besides the artifact's own end-of-sequence ids
  bool ignoreEos = false;               ///< the artifact's end-of-sequence ids do not stop
  bool scorePrompt = false; ///< report log-probabilities of the prompt and generate nothing
};

enum class FinishReason : uint8_t {
  None,      ///< goes on
  Stop,      ///< a stop id or stop string
  Length,    ///< maxTokens, or the end of the context
  Cancelled, ///< by cancel()
  Error,     ///< see Event::error; other requests go on
};
/// "stop", "length", "cancelled", "error"; "" while it goes on.
const char *finishReasonName(FinishReason reason);

/// News of one request. A request's events come in order; the one with a finish reason is the last.
struct Event {
  RequestId request = 0;
  std::vector<uint32_t> tokens;     ///< new tokens, a stop id included
  std::string text;                 ///< new text: whole UTF-8 characters, without stop strings
  std::vector<Sample> samples;      ///< per new token, when log-probabilities were asked for
  std::vector<Sample> promptScores; ///< scorePrompt: of prompt tokens 1, 2, ..., in pieces
  FinishReason finish = FinishReason::None;
  Status error; ///< of FinishReason::Error
};

} // namespace ingot
