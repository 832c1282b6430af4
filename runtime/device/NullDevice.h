// A device that computes nothing: to clone when a new target is added, and to fake one in tests.
#pragma once

#include "runtime/device/HostDevice.h"

namespace ingot {

class NullDevice final : public HostDevice {
public:
  /// Stands in for a kernel: the same arguments, all items at once. A nonzero code fails the step.
  using Hook = std::function<int32_t(const Command &command, const uint64_t *args, uint32_t items)>;

  explicit NullDevice(Hook hook = {}) : hook_(std::move(hook)) {}

  std::string_view name() const override { return "null"; }
  uint32_t workers() const override { return 1; }
  Ticket launch(const Program &program, const Step &step) override;
  Status wait(Ticket ticket) override;
  void forEach(uint32_t items, const std::function<void(uint32_t)> &fn) override;

  uint64_t launches() const { return launched_; } ///< steps so far

private:
  Hook hook_;
  uint64_t launched_ = 0;
  Status outcome_;
};

} // namespace ingot
