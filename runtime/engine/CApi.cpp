// The C interface: copies structs of any known size, turns Status into codes, lets no exception
// out.

#include <ingot/ingot.h>

#include "runtime/base/Version.h"
#include "runtime/engine/Session.h"

#include <algorithm>
#include <cstring>
#include <new>

struct ingot_engine {
  std::unique_ptr<ingot::Session> session;
  std::deque<ingot::Event> events; ///< not yet polled
  ingot::Event current;            ///< what `view` points into
  std::string errorId;
  std::vector<float> logprobs;
  ingot_event view{};
};

namespace {

using namespace ingot;

static_assert(INGOT_FINISH_NONE == static_cast<int>(FinishReason::None));
static_assert(INGOT_FINISH_STOP == static_cast<int>(FinishReason::Stop));
static_assert(INGOT_FINISH_LENGTH == static_cast<int>(FinishReason::Length));
static_assert(INGOT_FINISH_CANCELLED == static_cast<int>(FinishReason::Cancelled));
static_assert(INGOT_FINISH_ERROR == static_cast<int>(FinishReason::Error));
static_assert(INGOT_VERIFY_OFF == static_cast<int>(VerifyMode::Off));
static_assert(INGOT_CONFIG == static_cast<int>(ErrorClass::Config));

/// Copies as much of `text` as fits before a final 0, cut before a character that does not fit.
void copyText(std::string_view text, char *out, size_t capacity) {
  size_t length = std::min(text.size(), capacity - 1);
  while (length < text.size() && length > 0 && (text[length] & 0xc0) == 0x80)
    --length;
  std::memcpy(out, text.data(), length);
  out[length] = 0;
}

int32_t report(const Status &status, ingot_error *error) {
  // A caller's older and smaller struct is left alone: this version knows only the full one.
  if (error && error->size >= sizeof(ingot_error)) {
    error->code = status.exitCode();
    copyText(status.id(), error->id, sizeof error->id);
    copyText(status.message(), error->message, sizeof error->message);
  }
  return status.exitCode();
}

Status usage(const char *id, const char *message) { return {ErrorClass::Usage, id, message}; }

/// Runs `body` (returning Status) and reports; nothing thrown gets past it.
template <typename Body>
int32_t guarded(ingot_error *error, Body body) {
  try {
    return report(body(), error);
  } catch (const std::bad_alloc &) {
    return report({ErrorClass::Os, "out-of-memory", "no memory for this call"}, error);
  } catch (...) {
    return report({ErrorClass::Internal, "unexpected-exception", "a bug of Ingot"}, error);
  }
}

/// The caller's struct, its unknown tail zero. Id "struct-size".
template <typename Struct>
Status readStruct(const Struct *from, Struct &to) {
  std::memset(static_cast<void *>(&to), 0, sizeof to);
  if (!from)
    return Status::ok();
  size_t size;
  std::memcpy(&size, from, sizeof size);
  if (size < sizeof size || size > 65536)
    return usage("struct-size", "the first field of an options struct must be its sizeof");
  std::memcpy(static_cast<void *>(&to), from, std::min(size, sizeof to));
  return Status::ok();
}

SessionOptions sessionOptions(const ingot_engine_options &from) {
  SessionOptions options;
  options.cpu.threads = from.threads;
  options.cpu.pin = from.pin != 0;
  options.cpu.level = from.cpu_level ? from.cpu_level : "";
  options.device = from.device ? from.device : "auto";
  options.engine.maxSequences = from.max_sequences;
  options.engine.maxBatchTokens = from.max_batch_tokens;
  options.engine.kvBlocks = from.kv_blocks;
  options.engine.kvBytes = from.kv_bytes;
  options.verify = static_cast<VerifyMode>(from.verify);
  return options;
}

Result<std::vector<uint32_t>> encodeText(const Session &session, const char *text, size_t bytes) {
  if (!session.tokenizer())
    return Status(ErrorClass::Config, "tokenizer-absent",
                  "this artifact has no tokenizer; give token ids");
  return session.tokenizer()->encode(std::string_view(text, bytes));
}

Result<Request> makeRequest(const Session &session, const ingot_request_options &from) {
  Request request;
  if (from.prompt) {
    INGOT_ASSIGN(request.prompt, encodeText(session, from.prompt, from.prompt_bytes));
  } else if (from.prompt_ids) {
    request.prompt.assign(from.prompt_ids, from.prompt_ids + from.prompt_id_count);
  }
  request.maxTokens = from.max_tokens;
  request.sampling.temperature = from.temperature;
  request.sampling.minP = from.min_p;
  request.sampling.topK = from.top_k;
  request.sampling.topP = from.top_p == 0 ? 1 : from.top_p;
  request.sampling.seed = from.seed;
  request.sampling.sampleIndex = from.sample_index;
  request.sampling.logprobs = from.logprobs ? 0 : -1;
  request.ignoreEos = (from.flags & INGOT_IGNORE_EOS) != 0;
  for (size_t i = 0; i < from.stop_string_count; ++i)
    request.stopStrings.emplace_back(from.stop_strings[i]);
  if (from.stop_ids)
    request.stopIds.assign(from.stop_ids, from.stop_ids + from.stop_id_count);
  return request;
}

void fillView(ingot_engine &engine) {
  const Event &event = engine.current;
  engine.errorId = event.error.id();
  engine.logprobs.clear();
  for (const Sample &sample : event.samples)
    engine.logprobs.push_back(sample.logprob);
  ingot_event &view = engine.view;
  view = {};
  view.size = sizeof view;
  view.request = event.request;
  view.text = event.text.c_str();
  view.text_bytes = event.text.size();
  view.tokens = event.tokens.data();
  view.token_count = event.tokens.size();
  view.logprobs = engine.logprobs.empty() ? nullptr : engine.logprobs.data();
  view.finish = static_cast<int32_t>(event.finish);
  view.error_code = event.error.exitCode();
  view.error_id = engine.errorId.c_str();
  view.error_message = event.error.message().c_str();
}

} // namespace

extern "C" {

const char *ingot_version(void) { return versionText(); }

int32_t ingot_engine_create(const char *path, const ingot_engine_options *options,
                            ingot_engine **engine, ingot_error *error) {
  return guarded(error, [&]() -> Status {
    if (!path || !engine)
      return usage("null-argument", "ingot_engine_create needs a path and a place for the engine");
    *engine = nullptr;
    ingot_engine_options known;
    INGOT_TRY(readStruct(options, known));
    if (known.verify > INGOT_VERIFY_OFF)
      return usage("verify-out-of-range", "verify is a value of ingot_verify, 0 to 3");
    auto made = std::make_unique<ingot_engine>();
    INGOT_ASSIGN(made->session, Session::open(path, sessionOptions(known)));
    *engine = made.release();
    return Status::ok();
  });
}

void ingot_engine_destroy(ingot_engine *engine) { delete engine; }

const char *ingot_engine_device(const ingot_engine *engine) {
  return engine ? engine->session->whyDevice().c_str() : "";
}

int32_t ingot_engine_submit(ingot_engine *engine, const ingot_request_options *request,
                            uint64_t *id, ingot_error *error) {
  return guarded(error, [&]() -> Status {
    if (!engine || !request || !id)
      return usage("null-argument", "ingot_engine_submit needs an engine, a request and an id");
    *id = 0;
    ingot_request_options known;
    INGOT_TRY(readStruct(request, known));
    INGOT_ASSIGN(Request made, makeRequest(*engine->session, known));
    INGOT_ASSIGN(*id, engine->session->engine().submit(std::move(made)));
    return Status::ok();
  });
}

int32_t ingot_engine_cancel(ingot_engine *engine, uint64_t id, ingot_error *error) {
  return guarded(error, [&]() -> Status {
    if (!engine)
      return usage("null-argument", "ingot_engine_cancel needs an engine");
    engine->session->engine().cancel(id);
    return Status::ok();
  });
}

int32_t ingot_engine_step(ingot_engine *engine, int32_t *busy, ingot_error *error) {
  return guarded(error, [&]() -> Status {
    if (!engine || !busy)
      return usage("null-argument", "ingot_engine_step needs an engine and a place for its answer");
    *busy = 0;
    Engine &inner = engine->session->engine();
    try {
      *busy = inner.step();
    } catch (const std::bad_alloc &) {
      // What a step left half done cannot be told apart: every request ends, the engine lives on.
      inner.failAll({ErrorClass::Os, "out-of-memory", "no memory for a step"});
      *busy = inner.step();
    }
    for (Event &event : inner.takeEvents())
      engine->events.push_back(std::move(event));
    return Status::ok();
  });
}

const ingot_event *ingot_engine_poll(ingot_engine *engine) {
  if (!engine || engine->events.empty())
    return nullptr;
  try {
    engine->current = std::move(engine->events.front());
    engine->events.pop_front();
    fillView(*engine);
    return &engine->view;
  } catch (...) {
    return nullptr;
  }
}

int32_t ingot_engine_tokenize(ingot_engine *engine, const char *text, size_t text_bytes,
                              uint32_t *ids, size_t capacity, size_t *count, ingot_error *error) {
  return guarded(error, [&]() -> Status {
    if (!engine || (!text && text_bytes > 0) || !count || (!ids && capacity > 0))
      return usage("null-argument", "ingot_engine_tokenize needs an engine, a text and a count");
    INGOT_ASSIGN(const std::vector<uint32_t> all, encodeText(*engine->session, text, text_bytes));
    std::copy_n(all.begin(), std::min(capacity, all.size()), ids);
    *count = all.size();
    return Status::ok();
  });
}

} // extern "C"
