// The nouns of a device:
//   Device      a place where launch lists run
//   Memory      bytes that its kernels can address
//   StepMemory  bytes that travel with a step: its tables to the device, its results back
//   Program     the launch list of one schedule with every argument resolved
//   Command     one launch of a program: a kernel, its items, its arguments
//   Ticket      a step that was handed to the device
//   worker      a member of the device that takes a share of the items (ThreadTeam on the CPU)
// Kernels are addressed by their index in the manifest; a device is made with them loaded. What a
// kernel addresses are device addresses; on devices that compute in the host's memory they are the
// host's, and nothing travels.
#pragma once

#include "runtime/artifact/Manifest.h"

#include <functional>
#include <memory>

namespace ingot {

/// Bytes on a device, zeroed, 64-byte aligned at least.
class Memory {
public:
  virtual ~Memory() = default;
  /// Where kernels find the first byte.
  virtual uint64_t address() const = 0;
  /// The same bytes for the host; null where it cannot reach them.
  virtual uint8_t *host() = 0;
  virtual uint64_t bytes() const = 0;
};

/// Bytes on a device with a side for the host per step that may be in flight ("slot"). Zeroed on
/// both sides. A device in the host's memory has one slot, which is the device's bytes.
class StepMemory {
public:
  virtual ~StepMemory() = default;
  virtual uint64_t address() const = 0;
  virtual uint8_t *host(uint32_t slot) = 0;
  virtual uint64_t bytes() const = 0;
};

/// Packed weights where kernels can address them.
struct PlacedBytes {
  std::vector<uint64_t> addresses; ///< [piece], 64-byte aligned; 0 for a piece without bytes
  std::unique_ptr<Memory> memory;  ///< what holds them; null when they stayed where they were
};

struct Command {
  uint32_t kernel = 0;                     ///< index into Manifest.kernels
  uint32_t firstArg = 0;                   ///< index of its first slot in Program::args
  const artifact::Extent *items = nullptr; ///< owned by the manifest
  std::string_view label;                  ///< owned by the manifest
};

/// What a device makes of a program before its first launch.
class PreparedProgram {
public:
  virtual ~PreparedProgram() = default;
};

struct Program {
  std::vector<Command> commands;
  std::vector<uint64_t> args;    ///< slots of all commands, see abi::KernelFn
  std::string_view name;         ///< of the schedule, owned by the manifest
  artifact::SymbolValues bounds; ///< no step of this program has more
  /// Where there is a device memory of its own: carried there before the first command, and back
  /// after the last one. Null: nothing travels.
  StepMemory *tables = nullptr, *results = nullptr;
  std::shared_ptr<PreparedProgram> prepared; ///< by Device::prepare
};

/// One launch of a program.
struct Step {
  artifact::SymbolValues symbols;
  uint32_t slot = 0;                        ///< of the program's tables and results
  uint64_t tableBytes = 0, resultBytes = 0; ///< of the slot, from its first byte
};

/// Identifies a launched step.
struct Ticket {
  uint64_t number = 0;
};

class Device {
public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  /// For people: "cpu x86-64-v3, 4 threads".
  virtual std::string describe() const { return std::string(name()); }
  virtual uint32_t workers() const = 0;

  /// True where kernels address the host's memory: one slot, nothing travels.
  virtual bool sharesHostMemory() const = 0;
  /// Steps that may be launched and not yet waited for, and slots of StepMemory.
  virtual uint32_t stepsInFlight() const = 0;
  /// Bytes that allocate() could still grant; nothing where the system decides.
  virtual std::optional<uint64_t> freeBytes() const { return std::nullopt; }

  /// `what` is for the error: id "device-memory" (or the system's) with what was asked and is free.
  virtual Result<std::unique_ptr<Memory>> allocate(uint64_t bytes, std::string_view what) = 0;
  virtual Result<std::unique_ptr<StepMemory>> allocateStep(uint64_t bytes,
                                                           std::string_view what) = 0;
  /// Makes the pieces addressable for kernels that only read them. They must outlive the result.
  virtual Result<PlacedBytes> place(std::span<const std::span<const uint8_t>> pieces,
                                    std::string_view what) = 0;
  /// Host bytes into device memory and back, after everything launched so far.
  virtual Status write(Memory &to, uint64_t offset, std::span<const uint8_t> from) = 0;
  virtual Status read(Memory &from, uint64_t offset, std::span<uint8_t> to) = 0;

  /// Once per program, after its commands, arguments and memories are final.
  virtual Status prepare(Program &program) = 0;
  /// Runs the commands in order, each complete before the next begins. The program and its buffers
  /// stay valid and unchanged until wait(); so does the step's slot. A synchronous device has
  /// finished on return.
  virtual Ticket launch(const Program &program, const Step &step) = 0;
  /// Outcome of one of the last stepsInFlight() launched steps, the same however often it is asked.
  /// Ids: "kernel-failed" with the label and code, "items-overflow", "cuda-...".
  virtual Status wait(Ticket ticket) = 0;

  /// Returns when nothing that was launched still runs: before what it uses is given back.
  virtual void drain() = 0;

  /// Calls fn(i) for every i < items on the host side of the device, in parallel where it can, in
  /// the step's floating-point mode. For work on results: sampling.
  virtual void forEach(uint32_t items, const std::function<void(uint32_t)> &fn) = 0;
};

} // namespace ingot
