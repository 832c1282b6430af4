// Streams: nothing runs before somebody waits for it, so that whoever forgets to wait reads old
// bytes and whoever writes too early changes what is copied.
#include "tests/cuda/mock/State.h"

namespace ingot::mock {

void add(StreamRecord &stream, std::function<Code()> run) {
  const Code fails = std::exchange(state().lateError, kSuccess);
  stream.queue.push_back(
      {++stream.added, fails == kSuccess ? std::move(run) : [fails] { return fails; }});
}

Code runUntil(StreamRecord &stream, uint64_t number) {
  State &s = state();
  while (!stream.queue.empty() && stream.queue.front().number <= number) {
    const StreamRecord::Operation operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    stream.done = operation.number;
    if (s.sticky != kSuccess)
      continue;
    const Opened opened;
    const Code code = operation.run();
    if (code != kSuccess)
      s.sticky = code;
  }
  return s.sticky;
}

Code runAll() {
  Code code = kSuccess;
  for (const auto &[key, stream] : state().streams)
    if (const Code own = runUntil(*stream, stream->added); own != kSuccess)
      code = own;
  return code;
}

} // namespace ingot::mock
