// Target "cpu": native kernels from the artifact's image, run by a ThreadTeam.
#pragma once

#include "runtime/artifact/Artifact.h"
#include "runtime/device/HostDevice.h"
#include "runtime/device/ItemQueue.h"
#include "runtime/device/ThreadTeam.h"

#include <map>
#include <string>

namespace ingot {

struct CpuOptions {
  uint32_t threads = 0; ///< 0 = one per processor this process may use
  bool pin = false;
  std::string level;    ///< level name to force; empty = the best this machine runs
  bool profile = false; ///< keep the time of every command
};

/// Processors in this process's affinity mask, at least 1.
uint32_t availableProcessors();

class CpuDevice final : public HostDevice {
public:
  /// Chooses and loads an image of `artifact`, which must outlive the device.
  static Result<std::unique_ptr<CpuDevice>> create(const Artifact &artifact,
                                                   const CpuOptions &options);
  ~CpuDevice() override;

  std::string_view name() const override { return "cpu"; }
  std::string describe() const override;
  uint32_t workers() const override { return team_->size(); }
  Ticket launch(const Program &program, const Step &step) override;
  Status wait(Ticket ticket) override;
  void forEach(uint32_t items, const std::function<void(uint32_t)> &fn) override;

  ThreadTeam &team() { return *team_; }
  /// The level of the chosen image: "x86-64-v3", ...
  const std::string &level() const { return level_; }

  /// Time of one command, summed over the launches of its program (profile option).
  struct CommandTime {
    std::string_view label;
    std::string_view kernel;
    double seconds = 0;
    uint64_t calls = 0;
  };
  const std::map<const Program *, std::vector<CommandTime>> &commandTimes() const { return times_; }

private:
  CpuDevice() = default;
  Status loadKernels(const Artifact &artifact, const std::string &level);
  Status countItems(const Program &program, const artifact::SymbolValues &symbols);
  void runItems(const Program &program, size_t command, uint32_t member);
  void runCommands(const Program &program, uint32_t member, std::vector<CommandTime> *times);
  Status describeFailure(const Program &program) const;

  CodeImage image_;
  std::string level_;
  const std::vector<artifact::Kernel> *kernelInfo_ = nullptr;
  std::vector<abi::KernelFn> kernels_; ///< [Manifest.kernels]
  std::unique_ptr<ThreadTeam> team_;
  std::vector<AnonymousMemory> scratch_; ///< [member]
  std::vector<uint32_t> items_;          ///< [command] of the step being launched
  /// Of command i: queues_[i % 2]; the members fill the next one before they leave the current one.
  std::vector<ItemQueue> queues_;
  /// First failure of the step: command index << 32 | code; 0 = none.
  std::atomic<uint64_t> failure_{0};
  bool profile_ = false;
  std::map<const Program *, std::vector<CommandTime>> times_; ///< per program: [command]
  uint64_t launched_ = 0;
  Status outcome_; ///< of ticket launched_
};

} // namespace ingot
