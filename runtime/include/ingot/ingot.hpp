// A thin C++ face of ingot.h: ownership and spans, nothing else. C++20, header only, throws
// nothing.
#pragma once

#include <ingot/ingot.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ingot::api {

/// Why a call failed; empty when it did not.
struct Error {
  int32_t code = INGOT_OK;
  std::string id, message;
  explicit operator bool() const { return code != INGOT_OK; }
};

/// One event, its pointers valid until the next poll.
struct EventView {
  uint64_t request;
  std::string_view text;
  std::span<const uint32_t> tokens;
  ingot_finish finish;
  std::string_view errorId, errorMessage;
};

class Engine {
public:
  Engine() = default;
  Engine(Engine &&other) noexcept : engine_(std::exchange(other.engine_, nullptr)) {}
  Engine &operator=(Engine &&other) noexcept {
    std::swap(engine_, other.engine_);
    return *this;
  }
  ~Engine() { ingot_engine_destroy(engine_); }

  Error open(const std::string &path, ingot_engine_options options = {}) {
    options.size = sizeof options;
    ingot_engine *made = nullptr;
    const Error error =
        call([&](ingot_error *e) { return ingot_engine_create(path.c_str(), &options, &made, e); });
    ingot_engine_destroy(std::exchange(engine_, made));
    return error;
  }

  /// `options` says everything but the prompt.
  Error submit(std::string_view prompt, uint64_t &id, ingot_request_options options = {}) {
    options.size = sizeof options;
    options.prompt = prompt.data() ? prompt.data() : "";
    options.prompt_bytes = prompt.size();
    return call([&](ingot_error *e) { return ingot_engine_submit(engine_, &options, &id, e); });
  }
  Error submit(std::span<const uint32_t> prompt, uint64_t &id, ingot_request_options options = {}) {
    options.size = sizeof options;
    options.prompt_ids = prompt.data();
    options.prompt_id_count = prompt.size();
    return call([&](ingot_error *e) { return ingot_engine_submit(engine_, &options, &id, e); });
  }
  Error cancel(uint64_t id) {
    return call([&](ingot_error *e) { return ingot_engine_cancel(engine_, id, e); });
  }
  /// `busy` tells whether any request is left.
  Error step(bool &busy) {
    int32_t answer = 0;
    Error error = call([&](ingot_error *e) { return ingot_engine_step(engine_, &answer, e); });
    busy = answer != 0;
    return error;
  }
  std::optional<EventView> poll() {
    const ingot_event *event = ingot_engine_poll(engine_);
    if (!event)
      return std::nullopt;
    return EventView{event->request,
                     {event->text, event->text_bytes},
                     {event->tokens, event->token_count},
                     static_cast<ingot_finish>(event->finish),
                     event->error_id,
                     event->error_message};
  }

private:
  template <typename Call>
  static Error call(Call function) {
    ingot_error error = {};
    error.size = sizeof error;
    if (const int32_t code = function(&error))
      return {code, error.id, error.message};
    return {};
  }

  ingot_engine *engine_ = nullptr;
};

} // namespace ingot::api
