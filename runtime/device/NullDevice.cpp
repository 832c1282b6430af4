#include "runtime/device/NullDevice.h"

#include "runtime/base/Format.h"
#include "runtime/base/Mxcsr.h"

#include <cassert>

namespace ingot {

Ticket NullDevice::launch(const Program &program, const Step &step) {
  outcome_ = Status::ok();
  for (const Command &command : program.commands) {
    const uint64_t items = artifact::evaluate(*command.items, step.symbols).value_or(0);
    if (!hook_ || !outcome_.isOk())
      continue;
    const int32_t code =
        hook_(command, program.args.data() + command.firstArg, static_cast<uint32_t>(items));
    if (code != 0)
      outcome_ = Status(ErrorClass::Internal, "kernel-failed",
                        format("kernel %u of launch %.*s returned code %d", command.kernel,
                               static_cast<int>(command.label.size()), command.label.data(), code));
  }
  return {++launched_};
}

Status NullDevice::wait([[maybe_unused]] Ticket ticket) {
  assert(ticket.number == launched_ && "one step at a time");
  return outcome_;
}

void NullDevice::forEach(uint32_t items, const std::function<void(uint32_t)> &fn) {
  const MxcsrGuard mode;
  for (uint32_t i = 0; i < items; ++i)
    fn(i);
}

} // namespace ingot
