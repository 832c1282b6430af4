// A device with memory of its own that holds two steps: nothing runs before somebody waits for it,
// tables and results travel then, and not a moment earlier. Whoever reads too early, or writes into
// a slot that has not travelled yet, gets wrong numbers.
#pragma once

#include "runtime/device/HostDevice.h"
#include "runtime/device/NullDevice.h"

#include <deque>
#include <stdexcept>

namespace ingot::testing {

class LateStepMemory final : public StepMemory {
public:
  explicit LateStepMemory(uint64_t bytes) : device_(bytes), host_{device_, device_} {}
  uint64_t address() const override { return hostAddress(device_.data()); }
  uint8_t *host(uint32_t slot) override { return host_[slot].data(); }
  uint64_t bytes() const override { return device_.size(); }
  void carry(uint32_t slot, uint64_t bytes, bool up) {
    std::memcpy(up ? device_.data() : host(slot), up ? host(slot) : device_.data(), bytes);
  }

private:
  std::vector<uint8_t> device_, host_[2];
};

class LateDevice final : public HostDevice {
public:
  explicit LateDevice(NullDevice::Hook hook) : hook_(std::move(hook)) {}

  std::string_view name() const override { return "late"; }
  uint32_t workers() const override { return 1; }
  bool sharesHostMemory() const override { return false; }
  uint32_t stepsInFlight() const override { return 2; }

  Result<std::unique_ptr<StepMemory>> allocateStep(uint64_t bytes, std::string_view) override {
    return std::unique_ptr<StepMemory>(new LateStepMemory(bytes));
  }
  Status write(Memory &to, uint64_t offset, std::span<const uint8_t> from) override {
    drain();
    return HostDevice::write(to, offset, from);
  }
  Ticket launch(const Program &program, const Step &step) override {
    queue_.push_back({&program, step, ++launched_});
    if (queue_.size() > 2)
      throw std::logic_error("more steps in flight than the device holds");
    mostInFlight = std::max(mostInFlight, queue_.size());
    return {launched_};
  }
  Status wait(Ticket ticket) override {
    while (!queue_.empty() && queue_.front().number <= ticket.number)
      runOldest();
    return outcomes_[ticket.number % 2];
  }
  void drain() override {
    while (!queue_.empty())
      runOldest();
  }
  void forEach(uint32_t items, const std::function<void(uint32_t)> &fn) override {
    for (uint32_t i = 0; i < items; ++i)
      fn(i);
  }

  uint64_t launches() const { return launched_; }
  size_t inFlight() const { return queue_.size(); }

  size_t mostInFlight = 0;
  bool dies = false; ///< after its first failure nothing works any more

private:
  struct Queued {
    const Program *program;
    Step step;
    uint64_t number;
  };

  void runOldest() {
    const Queued queued = queue_.front();
    queue_.pop_front();
    Status &outcome = outcomes_[queued.number % 2];
    outcome = lost_;
    if (outcome.isOk())
      outcome = run(*queued.program, queued.step);
    if (dies && !outcome.isOk())
      lost_ = outcome;
  }
  Status run(const Program &program, const Step &step) {
    static_cast<LateStepMemory *>(program.tables)->carry(step.slot, step.tableBytes, true);
    for (const Command &command : program.commands)
      if (const int32_t code = hook_(command, program.args.data() + command.firstArg, 0); code != 0)
        return {ErrorClass::Internal, "kernel-failed", "code " + std::to_string(code)};
    static_cast<LateStepMemory *>(program.results)->carry(step.slot, step.resultBytes, false);
    return Status::ok();
  }

  NullDevice::Hook hook_;
  std::deque<Queued> queue_;
  uint64_t launched_ = 0;
  Status outcomes_[2], lost_;
};

} // namespace ingot::testing
